package forward

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	netmail "net/mail"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"modemgate/protocol"
)

// common is what the systems of all kinds have.
type common struct {
	addr string

	mu   sync.Mutex
	how  behaviour
	got  []string
	free chan struct{} // closed when those who stall may go
}

func newCommon(t *testing.T) common {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return common{addr: l.Addr().String(), free: make(chan struct{})}
}

func (c *common) set(how behaviour) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.how == stalls {
		close(c.free)
		c.free = make(chan struct{})
	}
	c.how = how
}

// behave says how to behave; a staller is held until that is over.
func (c *common) behave() behaviour {
	c.mu.Lock()
	how, free := c.how, c.free
	c.mu.Unlock()
	if how == stalls {
		<-free
	}
	return how
}

func (c *common) take(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, id)
}

func (c *common) received() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.got)
}

func (c *common) listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", c.addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// httpSystem takes webhooks.
type httpSystem struct {
	common
	server *http.Server
	done   chan struct{}
}

func newHTTPSystem(t *testing.T) system {
	s := &httpSystem{common: newCommon(t)}
	s.start(t)
	t.Cleanup(func() { s.set(takes); s.stop(t) })
	return s
}

func (s *httpSystem) start(t *testing.T) {
	s.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // of our own making
		switch s.behave() {
		case refuses:
			w.WriteHeader(http.StatusUnprocessableEntity)
		case denies:
			w.WriteHeader(http.StatusUnauthorized)
		case stalls:
		case takes:
			s.take(r.Header.Get("Webhook-Id"))
		}
	})}
	l := s.listen(t)
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		_ = s.server.Serve(l) // ends with stop
	}()
}

func (s *httpSystem) stop(*testing.T) {
	_ = s.server.Close() // once more at the test's end
	<-s.done
}

func (s *httpSystem) sender(t *testing.T) Sender {
	t.Helper()
	key, err := protocol.ParseSigningKey("whsec_" + strings.Repeat("A", 32))
	if err != nil {
		t.Fatal(err)
	}
	return NewWebhook(WebhookOptions{URL: "http://" + s.addr + "/", Keys: []protocol.SigningKey{key}, Workers: 8})
}

// broker is an MQTT broker in the process.
type broker struct {
	common
	mqtt.HookBase
	server *mqtt.Server
}

func newBroker(t *testing.T) system {
	b := &broker{common: newCommon(t)}
	b.start(t)
	t.Cleanup(func() { b.set(takes); b.stop(t) })
	return b
}

func (b *broker) start(t *testing.T) {
	b.server = mqtt.New(&mqtt.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
	if err := b.server.AddHook(b, nil); err != nil {
		t.Fatal(err)
	}
	if err := b.server.AddListener(listeners.NewTCP(listeners.Config{ID: "tcp", Address: b.addr})); err != nil {
		t.Fatal(err)
	}
	if err := b.server.Serve(); err != nil {
		t.Fatal(err)
	}
}

func (b *broker) stop(*testing.T) { _ = b.server.Close() } // once more at the test's end

// ID implements mqtt.Hook.
func (b *broker) ID() string { return "test" }

// Provides implements mqtt.Hook.
func (b *broker) Provides(hook byte) bool {
	return bytes.Contains([]byte{mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnPublish}, []byte{hook})
}

// OnConnectAuthenticate implements mqtt.Hook.
func (b *broker) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool {
	return b.behave() != denies
}

// OnACLCheck implements mqtt.Hook.
func (b *broker) OnACLCheck(_ *mqtt.Client, topic string, write bool) bool {
	return !write || !strings.Contains(topic, "sms.") || b.behave() != refuses
}

// OnPublish implements mqtt.Hook.
func (b *broker) OnPublish(_ *mqtt.Client, p packets.Packet) (packets.Packet, error) {
	if _, rest, ok := strings.Cut(string(p.Payload), `"id":"`); ok && strings.Contains(p.TopicName, "sms.") {
		if how := b.behave(); how == stalls {
			return p, packets.ErrRejectPacket
		}
		id, _, _ := strings.Cut(rest, `"`)
		b.take(id)
	}
	return p, nil
}

func (b *broker) sender(t *testing.T) Sender {
	t.Helper()
	topic, err := ParseTopic(DefaultTopic)
	if err != nil {
		t.Fatal(err)
	}
	return NewMQTT(MQTTOptions{Broker: &url.URL{Scheme: "mqtt", Host: b.addr}, Topic: topic, Name: "bus", Host: "rack", Timeout: 2 * time.Second, Username: "u", Password: "p"})
}

// mailServer takes mails.
type mailServer struct {
	common
	server *smtp.Server
	line   net.Listener
	done   chan struct{}
	mails  []string
	rcpt   error // to every recipient
}

func newMailServer(t *testing.T) system {
	s := &mailServer{common: newCommon(t)}
	s.start(t)
	t.Cleanup(func() { s.set(takes); s.stop(t) })
	return s
}

func (s *mailServer) start(t *testing.T) {
	s.server = smtp.NewServer(s)
	s.server.Domain = "test"
	s.server.AllowInsecureAuth = true
	s.server.ErrorLog = quiet{}
	s.line = s.listen(t)
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		_ = s.server.Serve(s.line) // ends with stop
	}()
}

func (s *mailServer) stop(*testing.T) {
	_ = s.line.Close() // the server may not have it yet
	_ = s.server.Close()
	<-s.done
}

func (s *mailServer) sender(*testing.T) Sender {
	host, port, _ := net.SplitHostPort(s.addr)
	n, _ := net.LookupPort("tcp", port) // of our own making
	return NewEmail(EmailOptions{Server: host, Port: n, Plain: true, Username: "u", Password: "p", From: "rack@example.com", To: []string{"duty@example.com"}, Host: "rack"})
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// NewSession implements smtp.Backend.
func (s *mailServer) NewSession(*smtp.Conn) (smtp.Session, error) { return &mailSession{s}, nil }

type mailSession struct{ *mailServer }

// AuthMechanisms implements smtp.AuthSession.
func (s *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth implements smtp.AuthSession.
func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if s.behave() == denies || user != "u" || password != "p" {
			return &smtp.SMTPError{Code: 535, Message: "no"}
		}
		return nil
	}), nil
}

// Mail implements smtp.Session.
func (s *mailSession) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt implements smtp.Session.
func (s *mailSession) Rcpt(string, *smtp.RcptOptions) error { return s.rcpt }

// Data implements smtp.Session.
func (s *mailSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.behave() == refuses {
		return &smtp.SMTPError{Code: 451, Message: "later"}
	}
	m, err := netmail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		return err
	}
	id, _, _ := strings.Cut(strings.Trim(m.Header.Get("Message-ID"), "<>"), "@")
	s.take(id)
	s.mu.Lock()
	s.mails = append(s.mails, string(text))
	s.mu.Unlock()
	return nil
}

// Reset implements smtp.Session.
func (s *mailSession) Reset() {}

// Logout implements smtp.Session.
func (s *mailSession) Logout() error { return nil }

// TestMail holds a mail to what it should be, and a recipient's refusal to be for good.
func TestMail(t *testing.T) {
	t.Parallel()
	sys, ok := newMailServer(t).(*mailServer)
	if !ok {
		t.Fatal("no mail server")
	}
	s := running(t, sys.sender(t))
	for n := 1; n <= 2; n++ {
		if r := send(s, n, 5*time.Second); r.Verdict != Delivered {
			t.Fatalf("%d (%s)", r.Verdict, r.Note)
		}
	}
	m, err := netmail.ReadMessage(strings.NewReader(sys.mails[0]))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"From": `"+49301234567" <rack@example.com>`, "To": "<duty@example.com>", "Subject": "[door] SMS from +49301234567", "Message-Id": "<evt_1@rack>",
		"Auto-Submitted": "auto-generated", "Date": "Fri, 02 Jan 2026 03:04:05 +0000",
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	again, err := netmail.ReadMessage(strings.NewReader(sys.mails[1]))
	if err != nil {
		t.Fatal(err)
	}
	if thread := m.Header.Get("References"); thread == "" || thread != again.Header.Get("References") {
		t.Errorf("two mails of one card and sender are in %q and %q", thread, again.Header.Get("References"))
	}
	body, err := io.ReadAll(m.Body)
	if err != nil || !strings.HasPrefix(string(body), "zone 3\r\nopen\r\n") {
		t.Errorf("%v: %s", err, body)
	}
	for code, want := range map[int]Verdict{550: Permanent, 450: Refused} {
		sys.mu.Lock()
		sys.rcpt = &smtp.SMTPError{Code: code, Message: "no"}
		sys.mu.Unlock()
		if r := send(s, 3, 5*time.Second); r.Verdict != want {
			t.Errorf("%d to a recipient: %d (%s)", code, r.Verdict, r.Note)
		}
	}
}

// TestMailNeedsTLS refuses a server beyond this network that takes no STARTTLS: somebody
// may have stripped it.
func TestMailNeedsTLS(t *testing.T) {
	t.Parallel()
	sys, ok := newMailServer(t).(*mailServer)
	if !ok {
		t.Fatal("no mail server")
	}
	e, ok := sys.sender(t).(*email)
	if !ok {
		t.Fatal("no mail sender")
	}
	e.o.Plain = false
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if r := e.Send(ctx, parcel(1)); r.Verdict != Failed || !strings.Contains(r.Note, "STARTTLS") {
		t.Errorf("%d (%s)", r.Verdict, r.Note)
	}
	if len(sys.received()) != 0 {
		t.Error("the mail went out in clear")
	}
}

// TestTopic renders topics; what has a meaning in them can't come in by a value.
func TestTopic(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, sim, want string }{
		{DefaultTopic, "door", "modemgate/rack/sim/door/sms.received"},
		{DefaultTopic, "a/b+#", "modemgate/rack/sim/a_b__/sms.received"},
		{DefaultTopic, "", "modemgate/rack/sim/_/sms.received"},
		{"sms/{{.Data.from}}", "door", "sms/_49301234567"},
		{"fixed", "door", "fixed"},
	} {
		topic, err := ParseTopic(c.text)
		if err != nil {
			t.Fatal(err)
		}
		p := parcel(1)
		p.SIM = c.sim
		v, err := p.view("rack")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := topic.render(v); err != nil || got != c.want {
			t.Errorf("%s of %q: %q, %v", c.text, c.sim, got, err)
		}
	}
	for _, bad := range []string{"{{.Nope}}", "{{", "{{if false}}x{{end}}"} {
		if _, err := ParseTopic(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
