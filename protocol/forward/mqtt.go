package forward

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"modemgate/protocol"
)

// DefaultTopic is where events go unless the operator says otherwise.
const DefaultTopic = "modemgate/{{.Host}}/sim/{{.Sim}}/{{.Type}}"

const (
	mqttRefused   = 0x80 // reasons from here on are refusals (MQTT 5, section 2.4)
	mqttKeepAlive = 30   // seconds
	mqttRetryMax  = 30 * time.Second
	mqttGoodbye   = time.Second
)

// MQTTOptions is what an MQTT destination is made of. Broker, Topic, Name and Host are required.
type MQTTOptions struct {
	Broker    *url.URL // mqtt:// or mqtts://
	Username  string
	Password  string
	Topic     *Topic
	Name      string // of the destination
	Host      string // this machine's name
	Timeout   time.Duration
	CA        *x509.CertPool
	Own       []netip.AddrPort // our own listeners, which are never called
	Discovery func() []Card    // the cards to tell Home Assistant of; nil: none
}

// Topic renders where an event goes.
type Topic struct {
	t *template.Template
}

// ParseTopic reads a topic's template. It renders a sample to find what can't work.
func ParseTopic(text string) (*Topic, error) {
	t, err := template.New("topic").Funcs(protocol.TemplateFuncs()).Parse(text)
	if err != nil {
		return nil, trimName(err)
	}
	out := &Topic{t}
	_, err = out.render(sample())
	return out, err
}

// render makes the topic of an event. What has a meaning in topics is replaced in values.
func (t *Topic) render(v view) (string, error) {
	v.Type, v.Host, v.Sim = level(v.Type), level(v.Host), level(v.Sim)
	data := make(map[string]any, len(v.Data))
	for key, value := range v.Data {
		if s, ok := value.(string); ok {
			value = level(s)
		}
		data[key] = value
	}
	v.Data = data
	return t.execute(v)
}

func (t *Topic) execute(v view) (string, error) {
	var b strings.Builder
	if err := t.t.Execute(&b, v); err != nil {
		return "", fmt.Errorf("%T", err) // its words may quote the text
	}
	if b.Len() == 0 || b.Len() > 1024 || strings.ContainsRune(b.String(), 0) {
		return "", errors.New("renders no usable topic")
	}
	return b.String(), nil
}

// level is a value as one level of a topic may have it.
func level(s string) string {
	if s == "" {
		return "_"
	}
	return strings.Map(func(r rune) rune {
		if r == '+' || r == '#' || r == '/' || r < ' ' {
			return '_'
		}
		return r
	}, s)
}

// mqttSender publishes events, QoS 1, never retained.
type mqttSender struct {
	o      MQTTOptions
	status string // topic of our being there

	mu       sync.Mutex
	conn     *autopaho.ConnectionManager // nil: not running
	problem  string                      // why the newest attempt to connect failed
	first    chan struct{}               // closed when the first attempt to connect has ended
	announce chan struct{}               // Home Assistant is to be told anew
}

// NewMQTT makes a Sender.
func NewMQTT(o MQTTOptions) Sender {
	return &mqttSender{o: o, status: "modemgate/" + level(o.Host) + "/status", announce: make(chan struct{}, 1), first: make(chan struct{})}
}

// Run implements Sender: it keeps the connection.
func (m *mqttSender) Run(ctx context.Context) {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx)) // outlives ctx, to say goodbye
	defer cancel()
	conn, err := autopaho.NewConnection(inner, m.config())
	if err != nil {
		m.note(err.Error())
		return
	}
	m.mu.Lock()
	m.conn = conn
	m.mu.Unlock()
	if m.o.Discovery != nil {
		m.keepAnnounced(ctx, conn)
	} else {
		<-ctx.Done()
	}
	m.mu.Lock()
	m.conn = nil
	m.mu.Unlock()
	bye, done := context.WithTimeout(inner, mqttGoodbye)
	defer done()
	_ = m.retain(bye, conn, m.status, "offline") // the broker says it by the last will when we can't
	_ = conn.Disconnect(bye)
	cancel()
	<-conn.Done()
}

func (m *mqttSender) config() autopaho.ClientConfig {
	c := autopaho.ClientConfig{
		ServerUrls: []*url.URL{m.o.Broker}, KeepAlive: mqttKeepAlive, CleanStartOnInitialConnection: true, ConnectTimeout: 10 * time.Second,
		ConnectUsername: m.o.Username, ConnectPassword: []byte(m.o.Password),
		ReconnectBackoff: func(n int) time.Duration {
			return max(100*time.Millisecond, min(mqttRetryMax, time.Second<<min(n, 8)>>1))
		},
		AttemptConnection: func(ctx context.Context, _ autopaho.ClientConfig, u *url.URL) (net.Conn, error) {
			return m.dial(ctx, u)
		},
		WillMessage: &paho.WillMessage{Topic: m.status, Payload: []byte("offline"), QoS: 1, Retain: true},
		OnConnectionUp: func(conn *autopaho.ConnectionManager, _ *paho.Connack) {
			m.note("")
			go m.greet(conn)
		},
		OnConnectError: func(err error) { m.note(connectReason(err)) },
	}
	c.ClientID = "modemgate-" + level(m.o.Host) + "-" + level(m.o.Name)
	c.PacketTimeout = m.o.Timeout
	c.OnPublishReceived = []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
		if p.Packet.Topic == assistantStatus && string(p.Packet.Payload) == "online" {
			m.announceSoon()
		}
		return true, nil
	}}
	return c
}

// greet says that we are there. It ends by the packet's time limit, or with the connection.
func (m *mqttSender) greet(conn *autopaho.ConnectionManager) {
	ctx, cancel := context.WithTimeout(context.Background(), m.o.Timeout)
	defer cancel()
	_ = m.retain(ctx, conn, m.status, "online") // a connection that is gone comes again
	if m.o.Discovery != nil {
		_, _ = conn.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: assistantStatus, QoS: 1}}})
		m.announceSoon()
	}
}

func (m *mqttSender) retain(ctx context.Context, conn *autopaho.ConnectionManager, topic, payload string) error {
	_, err := conn.Publish(ctx, &paho.Publish{Topic: topic, Payload: []byte(payload), QoS: 1, Retain: true})
	return err
}

func (m *mqttSender) dial(ctx context.Context, u *url.URL) (net.Conn, error) {
	port := u.Port()
	secure := u.Scheme == "mqtts"
	if port == "" {
		port = "1883"
		if secure {
			port = "8883"
		}
	}
	conn, err := protocol.Dialer(m.o.Own).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil || !secure {
		return conn, err
	}
	over := tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: m.o.CA, ServerName: u.Hostname()})
	if err := over.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return packets.NewThreadSafeConn(over), nil
}

func (m *mqttSender) note(problem string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.problem = problem
	select {
	case <-m.first:
	default:
		close(m.first)
	}
}

// connectReason says in few words why a broker could not be reached.
func connectReason(err error) string {
	if refused, ok := errors.AsType[*autopaho.ConnackError](err); ok {
		switch refused.ReasonCode {
		case packets.ConnackBadUsernameOrPassword, packets.ConnackNotAuthorized:
			return "login refused"
		}
		return fmt.Sprintf("the broker refuses the connection, reason 0x%02x", refused.ReasonCode)
	}
	return protocol.Reason(err)
}

// Send implements Sender. Delivered is what the broker has acknowledged.
func (m *mqttSender) Send(ctx context.Context, p *Parcel) Result {
	v, err := p.view(m.o.Host)
	if err != nil {
		return Result{Verdict: Permanent, Local: true, Note: err.Error()}
	}
	topic, err := m.o.Topic.render(v)
	if err != nil {
		return Result{Verdict: Refused, Local: true, Note: "the topic can't be rendered: " + err.Error()}
	}
	select { // at the start much may wait: that there is no connection yet says nothing
	case <-m.first:
	case <-ctx.Done():
	}
	m.mu.Lock()
	conn, problem := m.conn, m.problem
	m.mu.Unlock()
	if conn == nil {
		return Result{Verdict: Failed, Note: "not connected"}
	}
	resp, err := conn.Publish(ctx, &paho.Publish{
		Topic: topic, Payload: p.Body, QoS: 1, Properties: &paho.PublishProperties{ContentType: "application/json"},
	})
	switch {
	case resp != nil && resp.ReasonCode >= mqttRefused:
		return Result{Verdict: Refused, Note: fmt.Sprintf("the broker refuses it, reason 0x%02x", resp.ReasonCode)}
	case errors.Is(err, autopaho.ConnectionDownError):
		if problem == "" {
			problem = "not connected"
		}
		return Result{Verdict: Failed, Note: problem}
	case err != nil:
		return Result{Verdict: Failed, Note: protocol.Reason(err)}
	}
	return Result{Verdict: Delivered, Note: "acknowledged"}
}
