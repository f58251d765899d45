//go:build torture

package cli

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"modemgate/admin"
	modems "modemgate/modem/simulator"
)

// The tests here measure, and judge nothing but that everything came:
//
//	scripts/torture -run 'TestCard|TestIsolation|TestOverload|TestScrapes'

const floodToken = "ffffffffffffffffffffffffffffffffffffffff"

// measure is a program under a load whose times are taken.
type measure struct {
	*torture
	times sync.Mutex
	ids   map[string]uint64 // by the word that a message begins with
	of    map[string]int    // its modem
}

func newMeasure(t *testing.T, n int, argv func(args ...string) *exec.Cmd) *measure {
	t.Helper()
	k, dir := newBench(t, n, 20, nil)
	k.argv = argv
	m := &measure{torture: &torture{killing: k, api: freePort(t)}, ids: map[string]uint64{}, of: map[string]int{}}
	k.configure(demoConfig(dir, filepath.Join(dir, "rack"), k.receiver.URL(), m.api, freePort(t)) +
		"[[app]]\nname = \"flood\"\ntoken = \"" + floodToken + "\"\nsenders = [\"X\"]\nsims = { all = true }\n")
	k.start()
	ask := newClient(filepath.Join(dir, "data", "control.sock"))
	waitFor(t, "ready modems", func() bool {
		var st admin.Status
		return ask.call(t.Context(), http.MethodGet, "/api/v1/status", nil, &st) == nil && st.Modems["ready"] == n
	}, &k.log)
	return m
}

// arrive lets messages come at random, so many a second, on the first modems of the rack.
func (m *measure) arrive(ctx context.Context, rate float64, on int) {
	rng := rand.New(rand.NewPCG(1, 2))
	for {
		timer := time.NewTimer(time.Duration(rng.ExpFloat64() * float64(time.Second) / rate))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		m.next++
		word, i := fmt.Sprintf("K%06d", m.next), rng.IntN(on)
		m.sent[word], m.of[word] = true, i
		m.ids[word] = m.rack.Modem(i).Deliver(modems.SMS{From: "PANEL", Text: word + " door open", Ref: m.next})[0]
	}
}

// timed makes one request and notes how long it took.
func (m *measure) timed(ctx context.Context, to *spread, method, path, body string, out any) {
	begun := time.Now()
	if err := m.call(ctx, method, path, body, "", out); err != nil {
		if ctx.Err() == nil {
			m.t.Error(err)
		}
		return
	}
	m.times.Lock()
	defer m.times.Unlock()
	*to = append(*to, time.Since(begun))
}

// ways are how long the messages of the first modems took from their announcement to
// their acceptance; all have come, once.
func (m *measure) ways(on int) (out spread) {
	m.drain(60 * time.Second)
	announced := map[uint64]time.Time{}
	for _, e := range m.rack.Events() {
		if e.Kind == modems.Announced {
			announced[e.MessageID] = e.At
		}
	}
	n := 0
	for word, ds := range m.words() {
		n += len(ds)
		if at, there := announced[m.ids[word]]; there && m.of[word] < on {
			out = append(out, ds[0].At.Sub(at))
		}
	}
	if n != len(m.sent) {
		m.t.Errorf("%d deliveries of %d messages", n, len(m.sent))
	}
	return out
}

func (m *measure) finish() {
	_ = exec.Command("pkill", "-TERM", "-f", m.config).Run() // strace may stand between
	if err := m.child.Wait(); err != nil && !strings.Contains(err.Error(), "signal: terminated") {
		m.t.Errorf("%v\n%s", err, m.log.String())
	}
}

// used is the CPU time of the program, its memory in KiB, and its descriptors.
func (m *measure) used() (cpu time.Duration, rss, files int) {
	pid := m.child.Process.Pid
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		m.t.Fatal(err)
	}
	f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	for _, ticks := range f[11:13] { // utime, stime; a tick is 10 ms
		n, _ := strconv.Atoi(ticks)
		cpu += time.Duration(n) * 10 * time.Millisecond
	}
	pages, _ := strconv.Atoi(f[21])
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		m.t.Fatal(err)
	}
	return cpu, pages * os.Getpagesize() / 1024, len(list)
}

func plain(program string) func(args ...string) *exec.Cmd {
	return func(args ...string) *exec.Cmd { return exec.Command(program, args...) }
}

// TestIsolation measures 61 modems alone, and beside one that makes noise without end, one
// whose writes block, and one that is pulled out and plugged in every second.
func TestIsolation(t *testing.T) {
	program, _ := buildWithFailpoints(t)
	const well = cardModems - 3
	m := newMeasure(t, cardModems, plain(program))
	for _, phase := range []string{"alone", "beside three sick ones"} {
		ctx, stop := context.WithTimeout(t.Context(), cardTime)
		var load sync.WaitGroup
		if phase != "alone" {
			m.rack.Modem(well).Noise(true)
			if err := m.rack.Modem(well + 1).HangWrites(true); err != nil {
				t.Fatal(err)
			}
			load.Go(func() {
				flapping := m.rack.Modem(well + 2)
				name := filepath.Base(flapping.Port())
				for n := 0; pause(ctx, time.Second) || n%2 == 1; n++ {
					var err error
					if n%2 == 0 {
						err = flapping.Unplug()
					} else {
						err = flapping.Replug(name)
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		clear(m.ids)
		cpu, _, _ := m.used()
		load.Go(func() { m.arrive(ctx, 12.8, well) })
		load.Wait()
		stop()
		ways := m.ways(well)
		after, rss, files := m.used()
		t.Logf("%s: SMS %v; %.2f cores, %d MiB, %d descriptors", phase, ways, (after-cpu).Seconds()/cardTime.Seconds(), rss>>10, files)
	}
	m.finish()
}

// TestOverload measures requests with a good token alone, and while 1,000 connections send
// their headers or bodies slowly, 64 clients ask without a pause, and others guess tokens.
func TestOverload(t *testing.T) {
	program, _ := buildWithFailpoints(t)
	m := newMeasure(t, 16, plain(program))
	for _, phase := range []string{"alone", "under overload"} {
		ctx, stop := context.WithTimeout(t.Context(), cardTime/2)
		var load sync.WaitGroup
		answers := map[int]int{}
		if phase != "alone" {
			for i := range 1000 {
				load.Go(func() { m.dawdle(ctx, i%2 == 0) })
			}
			for i := range 64 {
				load.Go(func() { m.flood(ctx, i%4 == 0, answers) })
			}
		}
		var good spread
		load.Go(func() {
			for pause(ctx, 20*time.Millisecond) {
				m.timed(ctx, &good, "GET", "/v1/numbers", "", nil)
			}
		})
		load.Wait()
		stop()
		_, rss, files := m.used()
		t.Logf("%s: %v; %d MiB, %d descriptors; the others were answered %v", phase, good, rss>>10, files, answers)
	}
	m.finish()
}

// dawdle is a client that takes its time with a header or a body.
func (m *measure) dawdle(ctx context.Context, body bool) {
	for ctx.Err() == nil {
		conn, err := net.Dial("tcp", m.api)
		if err != nil {
			continue
		}
		head := "POST /v1/reservations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + strings.Repeat("t", 40) + "\r\n"
		if body {
			head += "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
		}
		_, err = io.WriteString(conn, head)
		for err == nil && pause(ctx, time.Second) {
			_, err = io.WriteString(conn, "x")
		}
		_ = conn.Close() // it has served
	}
}

// flood asks without a pause, and counts the answers.
func (m *measure) flood(ctx context.Context, guess bool, answers map[int]int) {
	token := floodToken
	if guess {
		token = "guessed"
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.api+"/v1/availability", nil)
		if err != nil {
			m.t.Error(err)
			return
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := client.Do(req)
		if err != nil {
			continue
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		m.times.Lock()
		answers[resp.StatusCode]++
		m.times.Unlock()
	}
}

// TestScrapes measures the metrics of a busy gateway with 256 modems: one scrape every
// second, then 50 at once.
func TestScrapes(t *testing.T) {
	program, _ := buildWithFailpoints(t)
	const n = 256
	m := newMeasure(t, n, plain(program))
	text, err := os.ReadFile(m.config)
	if err != nil {
		t.Fatal(err)
	}
	_, at, _ := strings.Cut(string(text), "[admin]\nlisten = \"")
	at, _, _ = strings.Cut(at, "\"")
	ctx, stop := context.WithTimeout(t.Context(), cardTime)
	defer stop()
	var load sync.WaitGroup
	load.Go(func() { m.arrive(ctx, cardRate, n) })
	var one, fifty spread
	codes := map[int]int{}
	size := 0
	scrape := func(to *spread) {
		begun := time.Now()
		resp, err := http.Get("http://" + at + "/metrics")
		if err != nil {
			t.Error(err)
			return
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		m.times.Lock()
		defer m.times.Unlock()
		if codes[resp.StatusCode]++; resp.StatusCode == http.StatusOK && err == nil {
			*to = append(*to, time.Since(begun))
			size = len(body)
		}
	}
	for range 10 {
		pause(ctx, time.Second)
		scrape(&one)
	}
	var burst sync.WaitGroup
	for range 50 {
		burst.Go(func() { scrape(&fifty) })
	}
	burst.Wait()
	stop()
	load.Wait()
	ways := m.ways(n)
	t.Logf("%d KiB; alone %v; of 50 at once %v; answers %v; SMS meanwhile %v", size>>10, one, fifty, codes, ways)
	m.finish()
}
