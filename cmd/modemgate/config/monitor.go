package config

import (
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"

	"modemgate/modem/pdu"
	"modemgate/pool"
)

// builtinTexts are the texts that a monitor may name.
func builtinTexts() map[string]string {
	return map[string]string{
		"otp": "Your code is {token}. Do not share it with anyone.",
		// The whole default alphabet and its extension (3GPP TS 23.038 clause 6.2.1), but for
		// what prints nothing.
		"gsm7": "{token} @£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€",
		"ucs2": "Код {token} 確認コード ✓ 😀",
		"long": "Your code is {token}. " + strings.Repeat("This line is here to make the message long, so that it is sent in three parts. ", 5) + "The end.",
		"link": "Your code is {token}, or open https://example.com/verify?c={token}&src=sms to go on.",
	}
}

// monitors reads delivery tests on a schedule.
func (l *loader) monitors(list []*section, c *Config) {
	names := map[string]bool{}
	var providers []string
	for _, p := range c.Pool.Providers {
		providers = append(providers, p.Name)
	}
	for _, s := range list {
		m := pool.Monitor{Name: l.name(s, names)}
		req := &m.Request
		req.Token = pool.Token{Length: 6}
		if req.Provider = s.text("provider", ""); !contains(providers, req.Provider) {
			s.fault("provider", "there is no provider %q%s", bounded(req.Provider), meantName(req.Provider, providers))
		}
		l.testSelect(s, req)
		const longest = 31 * 24 * time.Hour
		m.Interval = s.duration("interval", 15*time.Minute, time.Second, longest)
		m.IntervalFailing = s.duration("interval_failing", min(3*time.Minute, m.Interval), time.Second, longest)
		m.Jitter = s.share("jitter", 0.2)
		req.Deadline = s.duration("deadline", 2*time.Minute, time.Second, pool.MaxDeadline)
		req.Degraded = s.duration("degraded", 20*time.Second, 0, pool.MaxDeadline)
		req.Late = s.duration("late", 24*time.Hour, 0, pool.MaxLate)
		m.Texts = l.monitorTexts(s)
		m.DailyMessages = int(s.number("daily_messages", 250, 0, 1000000))
		l.expect(s, req)
		m.Maintenance = l.windows(s)
		req.Labels = l.labels(s)
		s.done()
		c.Pool.Monitors = append(c.Pool.Monitors, m)
		l.budget(s, &m, c)
	}
}

// share reads a part of one, from 0 to 0.9.
func (s *section) share(key string, def float64) float64 {
	v := s.get(key, "a number", unstable.Integer, unstable.Float)
	if v == nil {
		return def
	}
	n, err := v.float()
	if err != nil || !(n >= 0 && n <= 0.9) {
		s.fault(key, "must be from 0.0 to 0.9")
		return def
	}
	return n
}

// testSelect reads which numbers a monitor uses.
func (l *loader) testSelect(s *section, req *pool.TestRequest) {
	if !s.has("select") {
		s.t.used["select"] = true
		s.r.fault(s.t.line, "select", `is missing: say which numbers, such as { country = "DE", each = "operator" }`)
		return
	}
	t := s.sub("select")
	numbers, named := t.texts("numbers")
	req.Numbers = numbers
	for _, n := range numbers {
		if !pool.IsNumber(n) {
			t.fault("numbers", "must be in international form such as +4915112345678")
		}
	}
	req.Country, req.Operator, req.Tag = t.text("country", ""), t.text("operator", ""), t.text("tag", "")
	switch each := t.text("each", "operator"); {
	case named && (t.has("each") || t.has("count") || req.Country+req.Operator+req.Tag != ""):
		t.fault("numbers", "stands alone, without other choices")
	case each == "operator":
		req.EachOperator = true
	case each != "number":
		t.fault("each", `must be "operator" or "number"`)
	}
	req.Count = int(t.number("count", 1, 1, pool.MaxCount))
	t.done()
}

func (l *loader) monitorTexts(s *section) []string {
	list, given := s.texts("texts")
	if !given {
		list = []string{"otp"}
	}
	builtin := builtinTexts()
	var out []string
	for _, text := range list {
		switch {
		case builtin[text] != "":
			out = append(out, builtin[text])
		case strings.Contains(text, "{token}"):
			out = append(out, text)
		default:
			s.fault("texts", "%q is none of otp, gsm7, ucs2, long, link, and a text of your own must hold {token}", bounded(text))
		}
	}
	if given && len(list) == 0 {
		s.fault("texts", "must have at least one text")
	}
	return out
}

// expect reads what a monitor expects of each message.
func (l *loader) expect(s *section, req *pool.TestRequest) {
	t := s.sub("expect")
	req.Expect.From, _ = t.texts("from")
	req.Expect.SMSC, _ = t.texts("smsc_prefix")
	switch rule := pool.TextRule(t.text("text", string(pool.TextExact))); rule {
	case pool.TextExact, pool.TextNormalised, pool.TextAnything:
		req.Expect.Text = rule
	default:
		t.fault("text", `must be "exact", "normalised" or "contains_token"`)
	}
	if t.has("parts") {
		req.Expect.Parts = int(t.number("parts", 1, 1, 255))
	}
	t.done()
}

func (l *loader) windows(s *section) (out []*pool.Hours) {
	list, _ := s.texts("maintenance")
	for _, text := range list {
		h, err := pool.ParseHours(text)
		if err != nil {
			s.fault("maintenance", "%s", err)
			continue
		}
		out = append(out, h)
	}
	return out
}

func (l *loader) labels(s *section) map[string]string {
	out := map[string]string{}
	v := s.get("labels", "a table of texts", unstable.InlineTable, unstable.Table)
	if v == nil {
		return out
	}
	for name, value := range v.tab.keys {
		if value.kind != unstable.String {
			s.fault("labels", "%s must be a string", bounded(name))
		}
		out[name] = value.text
	}
	return out
}

// budget warns of a monitor whose day needs more than it may send, with as few numbers
// as it can have.
func (l *loader) budget(s *section, m *pool.Monitor, c *Config) {
	if len(m.Texts) == 0 {
		return
	}
	segments := 0
	for _, text := range m.Texts {
		n, _ := pdu.Segments(strings.ReplaceAll(text, "{token}", "000000"))
		segments += n
	}
	numbers := max(len(m.Request.Numbers), 1)
	if len(m.Request.Numbers) == 0 && !m.Request.EachOperator {
		numbers = m.Request.Count
	}
	needs := int(24*time.Hour/m.Interval) * numbers * segments / len(m.Texts)
	most := m.DailyMessages
	for _, p := range c.Pool.Providers {
		if p.Name == m.Request.Provider {
			most = min(most, p.DailyMessages)
		}
	}
	if needs > most {
		c.Warnings = append(c.Warnings, Fault{s.t.line, "monitor " + m.Name,
			"needs about " + strconv.Itoa(needs) + " messages a day and may send " + strconv.Itoa(most) + ": the rest of the day is skipped; raise daily_messages or interval"})
	}
}
