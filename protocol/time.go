package protocol

import (
	"fmt"
	"time"
)

const timeForm = "2006-01-02T15:04:05.000Z"

// Time is written as RFC 3339 in UTC with milliseconds.
type Time time.Time

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(make([]byte, 0, len(timeForm)+2), `"`+timeForm+`"`), nil
}

// String is the time as the wire has it.
func (t Time) String() string { return time.Time(t).UTC().Format(timeForm) }

// UnmarshalJSON reads any RFC 3339 time with a zone.
func (t *Time) UnmarshalJSON(b []byte) error {
	if len(b) < 2 || b[0] != '"' {
		return fmt.Errorf("not a time")
	}
	v, err := ParseTime(string(b[1 : len(b)-1]))
	*t = Time(v)
	return err
}

// ParseTime reads an RFC 3339 time with a zone, of the years that a box lives in.
func ParseTime(text string) (time.Time, error) {
	v, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || v.Year() < 1970 || v.Year() > 9998 {
		return time.Time{}, fmt.Errorf("not a time such as 2026-01-31T12:00:00Z")
	}
	return v, nil
}

// OptionalTime is a time, null for the zero one.
func OptionalTime(t time.Time) *Time {
	if t.IsZero() {
		return nil
	}
	v := Time(t)
	return &v
}

// Optional is a text, null for the empty one.
func Optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Offset writes minutes east of UTC as ±HH:MM.
func Offset(minutes int) string {
	sign := '+'
	if minutes < 0 {
		sign, minutes = '-', -minutes
	}
	return fmt.Sprintf("%c%02d:%02d", sign, minutes/60, minutes%60)
}
