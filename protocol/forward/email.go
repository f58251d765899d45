package forward

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/wneessen/go-mail"

	"modemgate/protocol"
)

// EmailOptions is what an e-mail destination is made of. Server, Port, From and To are required.
type EmailOptions struct {
	Server   string
	Port     int
	TLS      bool // from the start; else STARTTLS
	Plain    bool // a server without STARTTLS is taken: it is on this machine or network, or the operator says so
	Username string
	Password string
	From     string // address
	To       []string
	Subject  *Subject // nil: the default, which has no text
	Host     string   // this machine's name
	CA       *x509.CertPool
	Own      []netip.AddrPort // our own listeners, which are never called
}

// Subject renders the subject of a mail.
type Subject struct {
	t *template.Template
}

// ParseSubject reads a subject's template. It renders a sample to find what can't work.
func ParseSubject(text string) (*Subject, error) {
	t, err := template.New("subject").Funcs(protocol.TemplateFuncs()).Parse(text)
	if err != nil {
		return nil, trimName(err)
	}
	out := &Subject{t}
	_, err = out.render(sample())
	return out, err
}

func (s *Subject) render(v view) (string, error) {
	var b strings.Builder
	if err := s.t.Execute(&b, v); err != nil {
		return "", fmt.Errorf("%T", err) // its words may quote the text
	}
	return strings.Join(strings.Fields(b.String()), " "), nil
}

// email sends one mail an event.
type email struct {
	o EmailOptions
}

// NewEmail makes a Sender.
func NewEmail(o EmailOptions) Sender { return &email{o} }

// Run implements Sender: nothing is held between mails.
func (e *email) Run(ctx context.Context) { <-ctx.Done() }

// Send implements Sender. Delivered is what the server has taken after the data.
func (e *email) Send(ctx context.Context, p *Parcel) Result {
	m, err := e.compose(p)
	if err != nil {
		return Result{Verdict: Refused, Local: true, Note: err.Error()}
	}
	var line cutter
	client, err := e.client(ctx, &line)
	if err != nil {
		return Result{Verdict: Failed, Local: true, Note: "the server's address can't be used"}
	}
	// The library gives each step its time anew: the end of ours must reach the connection.
	defer context.AfterFunc(ctx, line.cut)()
	if err := client.DialWithContext(ctx); err != nil {
		return Result{Verdict: Failed, Note: dialReason(err)}
	}
	err = client.Send(m)
	_ = client.Close() // what the server has taken, it has
	if m.IsDelivered() {
		return Result{Verdict: Delivered, Note: "250"}
	}
	return mailVerdict(err)
}

// cutter holds the connection of one mail.
type cutter struct {
	mu   sync.Mutex
	conn net.Conn
	done bool
}

// keep remembers the connection, and closes it when it is too late for one.
func (c *cutter) keep(conn net.Conn, err error) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn = conn; c.done && conn != nil {
		return nil, errors.Join(context.DeadlineExceeded, conn.Close())
	}
	return conn, err
}

// cut closes the connection.
func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done = true; c.conn != nil {
		_ = c.conn.Close() // whoever reads or writes is told
	}
}

func (e *email) client(ctx context.Context, line *cutter) (*mail.Client, error) {
	limit := 30 * time.Second
	if deadline, ok := ctx.Deadline(); ok {
		limit = max(time.Until(deadline), time.Millisecond)
	}
	dialer := protocol.Dialer(e.o.Own)
	opts := []mail.Option{
		mail.WithPort(e.o.Port), mail.WithTimeout(limit), mail.WithHELO(helo(e.o.Host)), mail.WithoutNoop(),
		mail.WithTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: e.o.CA, ServerName: e.o.Server}),
	}
	if e.o.TLS {
		opts = append(opts, mail.WithSSL(), mail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := line.keep(dialer.DialContext(ctx, network, address))
			if err != nil {
				return nil, err
			}
			over := tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: e.o.CA, ServerName: e.o.Server})
			if err := over.HandshakeContext(ctx); err != nil {
				return nil, errors.Join(err, conn.Close())
			}
			return over, nil
		}))
	} else {
		policy := mail.TLSMandatory
		if e.o.Plain {
			policy = mail.TLSOpportunistic
		}
		opts = append(opts, mail.WithTLSPolicy(policy), mail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			return line.keep(dialer.DialContext(ctx, network, address))
		}))
	}
	if e.o.Username != "" {
		ways := []mail.SMTPAuthType{mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthSCRAMSHA1, mail.SMTPAuthPlain, mail.SMTPAuthLogin}
		if e.o.Plain && !e.o.TLS {
			ways = []mail.SMTPAuthType{mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthSCRAMSHA1, mail.SMTPAuthPlainNoEnc, mail.SMTPAuthLoginNoEnc}
		}
		opts = append(opts, mail.WithOpportunisticSMTPAuth(ways...), mail.WithUsername(e.o.Username), mail.WithPassword(e.o.Password))
	}
	return mail.NewClient(e.o.Server, opts...)
}

// helo is a name that servers take in EHLO.
func helo(host string) string {
	name := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == '-' || r == '.' {
			return r
		}
		return '-'
	}, host)
	if name == "" {
		return "localhost"
	}
	return name
}

// compose writes the mail of an event: the sender in the name, the text in the body, the
// same Message-ID on every attempt, and a thread for each card and sender.
func (e *email) compose(p *Parcel) (*mail.Msg, error) {
	v, err := p.view(e.o.Host)
	if err != nil {
		return nil, err
	}
	m := mail.NewMsg(mail.WithNoDefaultUserAgent())
	from, _ := v.Data["from"].(string)
	m.FromMailAddress(&netmail.Address{Name: oneLine(firstOf(from, "modemgate on "+e.o.Host)), Address: e.o.From})
	if err := m.To(e.o.To...); err != nil {
		return nil, errors.New("an address of to can't be used")
	}
	subject := defaultSubject(&v, from)
	if e.o.Subject != nil {
		if subject, err = e.o.Subject.render(v); err != nil {
			return nil, errors.New("the subject can't be rendered")
		}
	}
	m.Subject(oneLine(subject))
	domain := helo(e.o.Host)
	m.SetMessageIDWithValue(p.ID + "@" + domain)
	sum := sha256.Sum256([]byte(v.Sim + "\x00" + from))
	m.SetGenHeader(mail.HeaderReferences, "<thread-"+hex.EncodeToString(sum[:12])+"@"+domain+">")
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	if at, err := time.Parse(time.RFC3339, v.Timestamp); err == nil {
		m.SetDateWithValue(at)
	}
	if p.Replay {
		m.SetGenHeader("Modemgate-Replay", "true")
	}
	m.SetBodyString(mail.TypeTextPlain, mailBody(&v))
	return m, nil
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// defaultSubject says what has come, without its text.
func defaultSubject(v *view, from string) string {
	place := firstOf(v.Sim, v.Host)
	switch v.Type {
	case "sms.received":
		return fmt.Sprintf("[%s] SMS from %s", place, firstOf(from, "nobody"))
	case "call.received", "call.ended":
		return fmt.Sprintf("[%s] Call from %s", place, firstOf(from, "a withheld number"))
	case "alarm.raised", "alarm.cleared":
		return fmt.Sprintf("[%s] %v %v", place, v.Data["alarm"], v.Data["state"])
	}
	return fmt.Sprintf("[%s] %s", place, v.Type)
}

// mailBody is the text, then what else is known, a line each.
func mailBody(v *view) string {
	var b strings.Builder
	if text, ok := v.Data["text"].(string); ok {
		b.WriteString(text + "\n\n-- \n")
	}
	keys := make([]string, 0, len(v.Data))
	for key, value := range v.Data {
		switch value.(type) {
		case string, float64, bool:
			if key != "text" {
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	fmt.Fprintf(&b, "event: %s %s\n", v.Type, v.ID)
	for _, key := range keys {
		fmt.Fprintf(&b, "%s: %v\n", key, v.Data[key])
	}
	return b.String()
}

// dialReason says in few words why a server could not be used.
func dialReason(err error) string {
	text := err.Error()
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case untrusted:
		return protocol.Reason(err)
	case strings.Contains(text, "STARTTLS"):
		return "the server offers no STARTTLS"
	case strings.Contains(text, "auth") || strings.Contains(text, "AUTH") || strings.Contains(text, "535"):
		return "login refused"
	}
	return protocol.Reason(err)
}

// mailVerdict reads what a server has said: 5xx to a recipient is for good, all else may
// be better the next time.
func mailVerdict(err error) Result {
	failed, ok := errors.AsType[*mail.SendError](err)
	if !ok {
		return Result{Verdict: Failed, Note: protocol.Reason(err)}
	}
	code := failed.ErrorCode()
	switch {
	case code == 0:
		return Result{Verdict: Failed, Note: "connection closed"}
	case failed.Reason == mail.ErrSMTPRcptTo && code >= 500:
		return Result{Verdict: Permanent, Note: fmt.Sprintf("%d to a recipient", code)}
	}
	return Result{Verdict: Refused, Note: fmt.Sprint(code)}
}
