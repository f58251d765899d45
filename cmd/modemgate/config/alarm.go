package config

import "modemgate/protocol/alarm"

// alarms reads who is told when something is wrong.
func (l *loader) alarms(list []*section, c *Config) {
	for _, s := range list {
		var r alarm.Receiver
		if r.URL = s.text("url", ""); r.URL != "" {
			l.target(s, "url", r.URL, false)
		}
		if r.DeadManURL = s.text("dead_man_url", ""); r.DeadManURL != "" {
			l.target(s, "dead_man_url", r.DeadManURL, false)
		}
		if r.URL == "" && r.DeadManURL == "" {
			s.fault("url", "is missing: write the URL that takes the alarms, or a dead_man_url")
		}
		if body := s.text("body", ""); body != "" {
			t, err := alarm.ParseTemplate(body)
			if err != nil {
				s.fault("body", "%s", err)
			}
			r.Body = t
		}
		s.done()
		c.Alarms = append(c.Alarms, r)
	}
}
