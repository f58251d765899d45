package forward

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
)

// These tests run against servers of other people, as Debian ships them: scripts/test
// installs them.

// program runs one until the test's end, once it listens.
func program(t *testing.T, addr, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: run the tests by scripts/test, which installs what they need", err)
	}
	var out strings.Builder
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // may have ended
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", name, out.String())
		}
	})
	wait(t, name+" to listen", func() bool {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			_ = c.Close() // was only a look
		}
		return err == nil
	})
}

func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.NewTimer(60 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-limit.C:
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}

// certificate makes one for 127.0.0.1 that signs itself, in dir.
func certificate(t *testing.T, dir string) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for path, data := range map[string][]byte{cert: text, key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})} {
		if err := os.WriteFile(path, data, 0o644); err != nil { // mosquitto reads it as another user
			t.Fatal(err)
		}
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	return cert, key, roots
}

// mailbox is what a subscriber of a broker has got: payload by topic.
type mailbox struct {
	mu  sync.Mutex
	got map[string]string
}

func (m *mailbox) of(topic string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.got[topic]
}

// subscribe listens to everything on a broker.
func subscribe(t *testing.T, addr string) *mailbox {
	t.Helper()
	box := &mailbox{got: map[string]string{}}
	ctx, cancel := context.WithCancel(t.Context())
	c := autopaho.ClientConfig{ServerUrls: []*url.URL{{Scheme: "mqtt", Host: addr}}, KeepAlive: 30, ConnectUsername: "rack", ConnectPassword: []byte("pass")}
	c.ClientID = "watcher"
	c.OnPublishReceived = []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
		box.mu.Lock()
		defer box.mu.Unlock()
		box.got[p.Packet.Topic] = string(p.Packet.Payload)
		return true, nil
	}}
	conn, err := autopaho.NewConnection(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); <-conn.Done() })
	if err := conn.AwaitConnection(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "#", QoS: 1}}}); err != nil {
		t.Fatal(err)
	}
	return box
}

// TestMosquitto publishes through Debian's broker, with a login, in clear and over TLS:
// events, our being there and not, and what Home Assistant asks for.
func TestMosquitto(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "mosquitto") // reachable for the broker's own user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cert, key, roots := certificate(t, dir)
	plain, over := newCommon(t).addr, newCommon(t).addr
	_, plainPort, _ := net.SplitHostPort(plain)
	_, overPort, _ := net.SplitHostPort(over)
	passwords := filepath.Join(dir, "passwords")
	if out, err := exec.Command("mosquitto_passwd", "-b", "-c", passwords, "rack", "pass").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Chmod(passwords, 0o644); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "mosquitto.conf")
	text := fmt.Sprintf("password_file %s\nset_tcp_nodelay true\nlistener %s 127.0.0.1\nlistener %s 127.0.0.1\ncertfile %s\nkeyfile %s\n", passwords, plainPort, overPort, cert, key)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	program(t, over, "mosquitto", "-c", conf)
	box := subscribe(t, plain)
	topic, err := ParseTopic(DefaultTopic)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	cards := []Card{{ICCID: "8949", Name: "front/door", State: "ready", SignalDBm: -71, Manufacturer: "Quectel", Model: "EC25"}}
	secure := NewMQTT(MQTTOptions{
		Broker: &url.URL{Scheme: "mqtts", Host: over}, CA: roots, Username: "rack", Password: "pass", Topic: topic, Name: "bus", Host: "rack", Timeout: 5 * time.Second,
		Discovery: func() []Card { mu.Lock(); defer mu.Unlock(); return slices.Clone(cards) },
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		secure.Run(ctx)
	}()
	eventually(t, secure, 1, Delivered)
	wait(t, "the event", func() bool { return box.of("modemgate/rack/sim/door/sms.received") == string(parcel(1).Body) })
	wait(t, "our being there", func() bool { return box.of("modemgate/rack/status") == "online" })
	wait(t, "the card", func() bool { return box.of("homeassistant/sensor/modemgate_8949_state/config") != "" })
	var events, signal map[string]any
	for topic, into := range map[string]*map[string]any{"homeassistant/event/modemgate_8949/config": &events, "homeassistant/sensor/modemgate_8949_signal/config": &signal} {
		wait(t, topic, func() bool { return box.of(topic) != "" })
		if err := json.Unmarshal([]byte(box.of(topic)), into); err != nil {
			t.Fatal(err)
		}
		device, _ := (*into)["device"].(map[string]any)
		for _, field := range []string{"identifiers", "name", "manufacturer", "model"} {
			if device[field] == nil {
				t.Errorf("%s: device has no %s", topic, field)
			}
		}
		for _, field := range []string{"name", "unique_id", "state_topic", "availability_topic"} {
			if s, _ := (*into)[field].(string); s == "" {
				t.Errorf("%s: no %s", topic, field)
			}
		}
	}
	if events["state_topic"] != "modemgate/rack/sim/front_door/+" || events["availability_topic"] != "modemgate/rack/status" || signal["device_class"] != "signal_strength" || signal["unit_of_measurement"] != "dBm" {
		t.Errorf("%v\n%v", events, signal)
	}
	if template, _ := events["value_template"].(string); !strings.Contains(template, "event_type") || !strings.Contains(template, "value_json.type") {
		t.Errorf("value_template: %s", template)
	}
	state, _ := signal["state_topic"].(string)
	wait(t, "the signal", func() bool { return box.of(state) == "-71" })
	cancel()
	<-done
	wait(t, "our going", func() bool { return box.of("modemgate/rack/status") == "offline" })

	for _, c := range []struct {
		broker   *url.URL
		password string
		roots    *x509.CertPool
		note     string
	}{
		{&url.URL{Scheme: "mqtt", Host: plain}, "wrong", nil, "login refused"},
		{&url.URL{Scheme: "mqtts", Host: over}, "pass", nil, "certificate not trusted"},
	} {
		s := running(t, NewMQTT(MQTTOptions{Broker: c.broker, CA: c.roots, Username: "rack", Password: c.password, Topic: topic, Name: "x", Host: "rack", Timeout: time.Second}))
		wait(t, c.note, func() bool {
			r := send(s, 2, time.Second)
			return r.Verdict == Failed && r.Note == c.note
		})
	}
}

// TestDebianMail sends through Debian's aiosmtpd, which insists on STARTTLS.
func TestDebianMail(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key, roots := certificate(t, dir)
	addr := newCommon(t).addr
	program(t, addr, "aiosmtpd", "-n", "-l", addr, "--tlscert", cert, "--tlskey", key, "-c", "aiosmtpd.handlers.Mailbox", filepath.Join(dir, "mail"))
	host, port, _ := net.SplitHostPort(addr)
	n, err := net.LookupPort("tcp", port)
	if err != nil {
		t.Fatal(err)
	}
	o := EmailOptions{Server: host, Port: n, From: "rack@example.com", To: []string{"duty@example.com", "boss@example.com"}, Host: "rack", CA: roots}
	if r := send(NewEmail(o), 1, 10*time.Second); r.Verdict != Delivered {
		t.Fatalf("%d (%s)", r.Verdict, r.Note)
	}
	files, err := filepath.Glob(filepath.Join(dir, "mail", "new", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%d mails, %v", len(files), err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Message-ID: <evt_1@rack>", "Subject: [door] SMS from +49301234567", "zone 3"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	o.CA = nil
	if r := send(NewEmail(o), 2, 10*time.Second); r.Verdict != Failed {
		t.Errorf("with a certificate that nobody vouches for: %d (%s)", r.Verdict, r.Note)
	}
}
