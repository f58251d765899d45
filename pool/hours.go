package pool

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Hours is a window of the week: "Mon-Fri 08:00-18:00 Europe/Berlin". A window whose
// end is not after its begin goes on into the next day.
type Hours struct {
	days     [7]bool // by time.Weekday
	from, to int     // minutes of the day
	zone     *time.Location
	text     string
}

// String is the window as it was written.
func (h *Hours) String() string { return h.text }

var weekdays = [...]string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}

// ParseHours reads "[DAY[-DAY][,...]] HH:MM-HH:MM [ZONE]"; without days every day,
// without a zone UTC.
func ParseHours(text string) (*Hours, error) {
	h := &Hours{zone: time.UTC, text: text}
	fields := strings.Fields(text)
	if len(fields) > 0 && !strings.Contains(fields[0], ":") {
		if err := h.parseDays(fields[0]); err != nil {
			return nil, err
		}
		fields = fields[1:]
	} else {
		for i := range h.days {
			h.days[i] = true
		}
	}
	if len(fields) == 0 || len(fields) > 2 {
		return nil, fmt.Errorf("%q is not like \"Mon-Fri 08:00-18:00 Europe/Berlin\"", text)
	}
	from, to, ok := strings.Cut(fields[0], "-")
	var err1, err2 error
	h.from, err1 = minutes(from)
	h.to, err2 = minutes(to)
	if !ok || err1 != nil || err2 != nil {
		return nil, fmt.Errorf("%q is no span of time such as 08:00-18:00", fields[0])
	}
	if len(fields) == 2 {
		zone, err := time.LoadLocation(fields[1])
		if err != nil || fields[1] == "Local" {
			return nil, fmt.Errorf("unknown time zone %q", fields[1])
		}
		h.zone = zone
	}
	return h, nil
}

func (h *Hours) parseDays(text string) error {
	for span := range strings.SplitSeq(text, ",") {
		first, last, ranged := strings.Cut(span, "-")
		a, ok1 := weekday(first)
		b := a
		ok2 := true
		if ranged {
			b, ok2 = weekday(last)
		}
		if !ok1 || !ok2 {
			return fmt.Errorf("%q is no day or span of days such as Mon-Fri", span)
		}
		for d := a; ; d = (d + 1) % 7 {
			h.days[d] = true
			if d == b {
				break
			}
		}
	}
	return nil
}

func weekday(name string) (int, bool) {
	for i, day := range weekdays {
		if strings.EqualFold(name, day) {
			return i, true
		}
	}
	return 0, false
}

func minutes(text string) (int, error) {
	hour, minute, ok := strings.Cut(text, ":")
	a, err1 := strconv.Atoi(hour)
	b, err2 := strconv.Atoi(minute)
	n := a*60 + b
	if !ok || err1 != nil || err2 != nil || a < 0 || b < 0 || b > 59 || n > 24*60 || len(minute) != 2 {
		return 0, fmt.Errorf("%q is no time of day", text)
	}
	return n, nil
}

// Contains says whether t lies in the window.
func (h *Hours) Contains(t time.Time) bool {
	t = t.In(h.zone)
	minute, day := t.Hour()*60+t.Minute(), int(t.Weekday())
	if h.from < h.to {
		return h.days[day] && minute >= h.from && minute < h.to
	}
	return h.days[day] && minute >= h.from || h.days[(day+6)%7] && minute < h.to
}
