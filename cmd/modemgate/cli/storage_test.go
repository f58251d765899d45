package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	modems "modemgate/modem/simulator"
	"modemgate/store"
)

// journal is what a program writes, read while it runs.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// waitFor waits until something holds; the program under test goes on in real time.
func waitFor(t *testing.T, what string, holds func() bool, log fmt.Stringer) {
	t.Helper()
	limit := time.NewTimer(90 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-limit.C:
			t.Fatalf("waited in vain for %s\n%s", what, log)
		case <-tick.C:
		}
	}
}

// more appends to the configuration.
func (k *killing) more(text string) {
	k.t.Helper()
	old, err := os.ReadFile(k.config)
	if err == nil {
		err = os.WriteFile(k.config, append(old, text...), 0o600)
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

// command runs a command against the gateway and returns what it prints.
func (k *killing) command(want int, args ...string) string {
	k.t.Helper()
	var out, errs bytes.Buffer
	if code := Main(append(args, "-config", k.config), strings.NewReader(""), &out, &errs); code != want {
		k.t.Errorf("%v: exit %d, not %d: %s", args, code, want, errs.String())
	}
	return out.String() + errs.String()
}

// send delivers one message to each modem and waits until all have been pushed.
func (k *killing) send(log fmt.Stringer) {
	k.t.Helper()
	k.put()
	waitFor(k.t, "the messages", func() bool { return len(k.words()) >= len(k.sent) }, log)
}

// put delivers one message to each modem.
func (k *killing) put() {
	for i := range k.rack.Len() {
		k.mu.Lock()
		k.next++
		word := fmt.Sprintf("K%06d", k.next)
		k.sent[word] = true
		ref := k.next
		k.mu.Unlock()
		k.rack.Modem(i).Deliver(modems.SMS{From: "+4930123456", Text: word + " door open", Ref: ref})
	}
}

// TestDamagedStore cuts the file of a gateway that was killed. The next start puts it
// aside, takes the newest backup, holds what was pending in it, and goes on; what lies on
// the SIMs comes through. Without a backup it ends with 79, until one is restored by hand.
func TestDamagedStore(t *testing.T) {
	t.Parallel()
	k := newKilling(t)
	backups := t.TempDir()
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	defer down.Close()
	k.more(fmt.Sprintf("[[destination]]\nname = \"desk\"\nurl = %q\nsecret_file = %q\n[backup]\ndir = %q\n", down.URL, filepath.Join(filepath.Dir(k.config), "crm.whsec"), backups))
	log := &journal{}
	k.child = program("run", "-config", k.config)
	k.child.Stderr = log
	begin := func() {
		t.Helper()
		k.child = program("run", "-config", k.config)
		k.child.Stderr = log
		if err := k.child.Start(); err != nil {
			t.Fatal(err)
		}
	}
	begin()
	k.send(log)
	byHand := filepath.Join(t.TempDir(), "by-hand.tar.gz")
	if out := k.command(0, "backup", byHand); !strings.Contains(out, "records") {
		t.Error(out)
	}
	if info, err := os.Stat(byHand); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	k.command(1, "restore", byHand) // it runs
	k.command(1, "check", "-store")
	day, err := os.ReadFile(byHand)
	if err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(filepath.Dir(k.config), "data", "modemgate.db")
	first, err := filepath.Glob(filepath.Join(backups, "modemgate-*.tar.gz")) // that of the start, without a message
	if err != nil || len(first) != 1 {
		t.Fatalf("%v, %v", first, err)
	}
	named := func(ahead time.Duration) string {
		of := store.Instance(db)[:8]
		return filepath.Join(backups, "modemgate-"+of+"-"+time.Now().Add(ahead).UTC().Format("20060102T150405Z")+".tar.gz")
	}
	if err := os.WriteFile(named(2*time.Minute), day[:len(day)/2], 0o600); err != nil { // the newest is of no use
		t.Fatal(err)
	}
	good := named(time.Minute)
	if err := os.WriteFile(good, day, 0o600); err != nil {
		t.Fatal(err)
	}
	k.drain(time.Minute)
	k.kill()
	cut := func() {
		t.Helper()
		if err := os.Truncate(db, 30_000); err != nil {
			t.Fatal(err)
		}
	}
	cut()
	k.put() // while nobody runs
	begin()
	waitFor(t, "what came meanwhile", func() bool { return len(k.words()) >= len(k.sent) }, log)
	for _, want := range []string{"the store is damaged and was put aside", "a backup is of no use", "file=" + good} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	}
	held := regexp.MustCompile(`desk .*6 of a restored backup wait`)
	if out := k.command(0, "destinations", "list"); !held.MatchString(out) {
		t.Errorf("destinations list:\n%s", out)
	}
	if out := k.command(0, "audit", "list"); !strings.Contains(out, "store.restored") {
		t.Errorf("audit list:\n%s", out)
	}
	k.drain(time.Minute) // what is still on a SIM when its record is lost comes again
	k.kill()
	cut()
	if err := os.RemoveAll(backups); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(backups, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if out, err := program("run", "-config", k.config).CombinedOutput(); err == nil || !strings.Contains(err.Error(), "exit status 79") || !strings.Contains(string(out), "try: modemgate restore") {
			t.Fatalf("%v:\n%s", err, out)
		}
	}
	k.command(1, "check", "-store")
	k.command(2, "restore", "-pending", "drop", byHand)
	if out := k.command(0, "restore", byHand); !strings.Contains(out, "are held") {
		t.Error(out)
	}
	if out := k.command(0, "check", "-store"); !strings.Contains(out, "all is there") {
		t.Error(out)
	}
	begin()
	k.send(log)
	k.command(0, "destinations", "resume", "desk")
	if out := k.command(0, "destinations", "list"); held.MatchString(out) {
		t.Errorf("destinations list after the resume:\n%s", out)
	}
	k.end()
	for word, ds := range k.words() {
		if len(ds) > 1 {
			t.Errorf("%s came %d times", word, len(ds))
		}
	}
}

// TestCheckEndsWithParent kills a process while the check that it began in a child is
// under way. The child ends too: it would hold the store against the next start.
func TestCheckEndsWithParent(t *testing.T) {
	t.Parallel()
	k := newKilling(t)
	roots := filepath.Join(t.TempDir(), "roots.pem") // the child waits in reading it
	if err := unix.Mkfifo(roots, 0o600); err != nil {
		t.Fatal(err)
	}
	k.more(fmt.Sprintf("[[destination]]\nname = \"desk\"\nurl = \"https://desk.example\"\nsecret_file = %q\nca_file = %q\n", filepath.Join(filepath.Dir(k.config), "crm.whsec"), roots))
	parent := program()
	parent.Env = append(parent.Env, checksOnly+"="+k.config)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	feed, err := os.OpenFile(roots, os.O_WRONLY, 0) // comes back when the child reads
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	gone := []unix.PollFd{{Fd: int32(feed.Fd())}} // POLLERR: nobody reads any more
	if n, err := unix.Poll(gone, 30_000); n != 1 || gone[0].Revents&unix.POLLERR == 0 {
		t.Errorf("the check lived on: %d, %v", n, err)
	}
	if err := feed.Close(); err != nil { // a child that lives on reads no certificates, and ends
		t.Error(err)
	}
}

// TestNoStore starts where no store can be: the API says so, the receiver of alarms is
// told, messages stay on the SIMs. When a store can be made it goes on by itself.
func TestNoStore(t *testing.T) {
	t.Parallel()
	k := newKilling(t)
	var mu sync.Mutex
	var alarms []string
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var word struct{ Alarm, State string }
		if json.NewDecoder(r.Body).Decode(&word) == nil {
			mu.Lock()
			alarms = append(alarms, word.Alarm+" "+word.State)
			mu.Unlock()
		}
	}))
	defer hook.Close()
	told := func(want string) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return strings.Contains(strings.Join(alarms, ", "), want)
		}
	}
	k.more(fmt.Sprintf("[[alarm]]\nurl = %q\n", hook.URL))
	data := filepath.Join(filepath.Dir(k.config), "data")
	if err := os.WriteFile(data, []byte("in the way"), 0o600); err != nil {
		t.Fatal(err)
	}
	k.put()
	log := &journal{}
	k.child = program("run", "-config", k.config)
	k.child.Stderr = log
	if err := k.child.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the alarm", told("store_error raised"), log)
	addr := regexp.MustCompile(`modemgate runs.* api=(\S+) admin=(\S+)`)
	waitFor(t, "the listeners", func() bool { return addr.MatchString(log.String()) }, log)
	at := addr.FindStringSubmatch(log.String())
	ask := func(method, url, body string) (int, http.Header, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+strings.Repeat("t", 40))
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var b bytes.Buffer
		if _, err := b.ReadFrom(resp.Body); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Header, b.String()
	}
	if code, _, body := ask("GET", "http://"+at[1]+"/v1/availability", ""); code != http.StatusOK || strings.Contains(body, `"free":6`) {
		t.Errorf("availability: %d %s", code, body)
	}
	for _, c := range [][3]string{{"POST", "/v1/reservations", `{"ttl_s":60}`}, {"GET", "/v1/messages", ""}, {"GET", "/v1/tests/tst_1", ""}, {"GET", "/v1/events", ""}} {
		code, h, body := ask(c[0], "http://"+at[1]+c[1], c[2])
		if code != http.StatusServiceUnavailable || h.Get("Retry-After") == "" || !strings.Contains(body, "store_unavailable") {
			t.Errorf("%s: %d %s", c[1], code, body)
		}
	}
	if code, _, _ := ask("GET", "http://"+at[2]+"/readyz", ""); code != http.StatusServiceUnavailable {
		t.Errorf("readyz: %d", code)
	}
	if code, _, _ := ask("GET", "http://"+at[2]+"/healthz", ""); code != http.StatusOK {
		t.Errorf("healthz: %d", code)
	}
	if _, _, body := ask("GET", "http://"+at[2]+"/metrics", ""); !strings.Contains(body, `modemgate_alarm{alarm="store_error"} 1`) {
		t.Error("no metric of the alarm")
	}
	if len(k.words()) != 0 {
		t.Error("a message was pushed that nothing keeps")
	}
	if err := os.Remove(data); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the messages", func() bool { return len(k.words()) >= len(k.sent) }, log)
	waitFor(t, "the end of the alarm", told("store_error cleared"), log)
	k.end()
}

// TestBeats tells systemd that it is ready, that it lives, and that it stops.
func TestBeats(t *testing.T) {
	t.Parallel()
	k := newKilling(t)
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	log := &journal{}
	k.child = program("run", "-config", k.config)
	k.child.Env = append(k.child.Env, "NOTIFY_SOCKET="+path, "WATCHDOG_USEC=150000")
	k.child.Stderr = log
	if err := k.child.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	next := func() string {
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("%v\n%s", err, log)
		}
		return string(buf[:n])
	}
	if word := next(); word != "READY=1" {
		t.Errorf("first %q", word)
	}
	for range 5 {
		if word := next(); word != "WATCHDOG=1" {
			t.Errorf("then %q", word)
		}
	}
	k.end()
	for word := next(); word != "STOPPING=1"; word = next() {
		if word != "WATCHDOG=1" {
			t.Errorf("at last %q", word)
		}
	}
}
