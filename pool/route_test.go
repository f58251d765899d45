package pool

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRoute walks routes for one message each: which destinations, by which route.
func TestRoute(t *testing.T) {
	t.Parallel()
	hours, err := ParseHours("Mon-Fri 08:00-18:00 Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	card := &sim{SIM: SIM{ICCID: "89490200000012345671"}, name: "door", number: "+4915112345678", tags: []string{"alarm", "north"}}
	noon := time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC) // a Wednesday, noon in Berlin
	sms := subject{sim: card, from: "+49301234567", text: "ALARM zone 3", kind: SMSReceived, at: noon}
	with := func(f func(*subject)) subject { s := sms; f(&s); return s }
	to := func(r Route, names ...string) Route { r.To = names; return r }
	for name, c := range map[string]struct {
		routes []Route
		what   subject
		want   string // destination by route; "-": routed nowhere; "": unrouted
	}{
		"no route at all":              {nil, sms, "crm, desk"},
		"a type that nobody lists":     {nil, with(func(s *subject) { s.kind = MWI }), "-"},
		"a type that one lists":        {nil, with(func(s *subject) { s.kind = CallReceived }), "desk"},
		"by tag":                       {[]Route{to(Route{Tags: []string{"south", "north"}}, "crm")}, sms, "crm by r0"},
		"by another tag":               {[]Route{to(Route{Tags: []string{"south"}}, "crm")}, sms, ""},
		"by name":                      {[]Route{to(Route{SIMs: []string{"door"}}, "crm")}, sms, "crm by r0"},
		"by number":                    {[]Route{to(Route{SIMs: []string{"+4915112345678"}}, "crm")}, sms, "crm by r0"},
		"by ICCID without check digit": {[]Route{to(Route{SIMs: []string{"8949020000001234567"}}, "crm")}, sms, "crm by r0"},
		"by sender":                    {[]Route{to(Route{From: []string{"+49301234567"}}, "crm")}, sms, "crm by r0"},
		"by the sender's begin":        {[]Route{to(Route{From: []string{"ACME", "+4930*"}}, "crm")}, sms, "crm by r0"},
		"a begin that is longer":       {[]Route{to(Route{From: []string{"+493012345678*"}}, "crm")}, sms, ""},
		"sender without case":          {[]Route{to(Route{From: []string{"acme"}}, "crm")}, with(func(s *subject) { s.from = "ACME" }), "crm by r0"},
		"by text":                      {[]Route{to(Route{Text: regexp.MustCompile(`(?i)alarm`)}, "crm")}, sms, "crm by r0"},
		"by other text":                {[]Route{to(Route{Text: regexp.MustCompile(`fault`)}, "crm")}, sms, ""},
		"by type":                      {[]Route{to(Route{Events: []EventType{CallReceived}}, "desk")}, sms, ""},
		"within hours":                 {[]Route{to(Route{Hours: hours}, "crm")}, sms, "crm by r0"},
		"after hours":                  {[]Route{to(Route{Hours: hours}, "crm")}, with(func(s *subject) { s.at = noon.Add(7 * time.Hour) }), ""},
		"all that is given must hold":  {[]Route{to(Route{Tags: []string{"alarm"}, From: []string{"BANK"}}, "crm")}, sms, ""},
		"kept in the inbox":            {[]Route{to(Route{Tags: []string{"alarm"}})}, sms, "-"},
		"each that matches adds":       {[]Route{to(Route{}, "crm"), to(Route{}, "desk", "crm")}, sms, "crm by r0, desk by r1"},
		"stop ends the walk":           {[]Route{to(Route{Stop: true}, "crm"), to(Route{}, "desk")}, sms, "crm by r0"},
		"stop of one that is not his":  {[]Route{to(Route{Stop: true, Tags: []string{"south"}}, "crm"), to(Route{}, "desk")}, sms, "desk by r1"},
		"named, but not his type":      {[]Route{to(Route{}, "crm")}, with(func(s *subject) { s.kind = CallReceived }), "-"},
		"a card that is not known":     {[]Route{to(Route{Tags: []string{"alarm"}}, "crm"), to(Route{}, "desk")}, with(func(s *subject) { s.sim = nil }), "desk by r1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conf := Config{Routes: slices.Clone(c.routes), Destinations: []Destination{
				{Name: "crm", Events: []EventType{SMSReceived}}, {Name: "desk", Events: []EventType{SMSReceived, CallReceived}},
			}}
			for i := range conf.Routes {
				conf.Routes[i].Name = "r" + string(rune('0'+i))
			}
			hops, routed := conf.route(&c.what)
			var got []string
			for _, h := range hops {
				if h.route != "" {
					h.destination += " by " + h.route
				}
				got = append(got, h.destination)
			}
			if routed && len(got) == 0 {
				got = []string{"-"}
			}
			if text := strings.Join(got, ", "); text != c.want {
				t.Errorf("%q, not %q", text, c.want)
			}
		})
	}
}

// TestHours asks windows of the week, also over midnight and over both changes of summer time.
func TestHours(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		out, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, c := range []struct {
		hours, at string
		in        bool
	}{
		{"08:00-18:00", "2026-07-04T08:00:00Z", true},
		{"08:00-18:00", "2026-07-04T07:59:59Z", false},
		{"08:00-18:00", "2026-07-04T18:00:00Z", false},
		{"Mon-Fri 08:00-18:00", "2026-07-04T12:00:00Z", false}, // a Saturday
		{"Sat,Sun 08:00-18:00", "2026-07-04T12:00:00Z", true},
		{"Fri-Mon 08:00-18:00", "2026-07-05T12:00:00Z", true},
		{"Fri 22:00-06:00", "2026-07-04T05:59:00Z", true}, // Friday's night
		{"Fri 22:00-06:00", "2026-07-04T22:30:00Z", false},
		{"Mon-Fri 08:00-18:00 Europe/Berlin", "2026-07-01T06:00:00Z", true}, // 8 o'clock in summer
		{"Mon-Fri 08:00-18:00 Europe/Berlin", "2026-01-07T06:30:00Z", false},
		{"Sun 01:30-02:30 Europe/Berlin", "2026-03-29T00:45:00Z", true},  // 1:45, before the leap
		{"Sun 01:30-02:30 Europe/Berlin", "2026-03-29T01:15:00Z", false}, // 3:15, after it
		{"Sun 02:00-03:00 Europe/Berlin", "2026-10-25T00:30:00Z", true},  // 2:30 the first time
		{"Sun 02:00-03:00 Europe/Berlin", "2026-10-25T01:30:00Z", true},  // and the second
		{"00:00-24:00", "2026-07-04T23:59:59Z", true},
	} {
		h, err := ParseHours(c.hours)
		if err != nil {
			t.Errorf("%s: %v", c.hours, err)
			continue
		}
		if h.Contains(at(c.at)) != c.in {
			t.Errorf("%s in %q: not %v", c.at, c.hours, c.in)
		}
	}
	for _, bad := range []string{"", "Mon", "8-18", "08:00", "08:00-25:00", "08:60-09:00", "Mo-Fr 08:00-18:00", "08:00-18:00 Mars/Phobos", "08:00-18:00 Local", "a b c d"} {
		if _, err := ParseHours(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
