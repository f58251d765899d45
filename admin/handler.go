package admin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed" // the description of the API
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"modemgate/pool"
	"modemgate/protocol"
)

//go:embed openapi.json
var description []byte

// Store is what admin reads of the store.
type Store interface {
	Message(id pool.ID) (*pool.Message, bool)
	Messages(after pool.ID, ascending bool, yield func(*pool.Message) bool)
	Calls(after pool.ID, ascending bool, yield func(*pool.Call) bool)
	Deliveries(event pool.ID) []pool.Delivery
	AllDeliveries(after pool.ID, yield func(pool.Delivery) bool)
	Audit(after uint64, yield func(seq uint64, a pool.Audit, hash string) bool)
	AuditAscending(yield func(seq uint64, a pool.Audit, hash string) bool)
	Bytes() int64
	// Backup writes a copy of everything, checked before its first byte.
	Backup(w io.Writer) error
}

// Destination is how a destination is.
type Destination struct {
	Name, Kind, State, Why string
	Depth                  int
	Held                   int // of Depth, those of a restored backup that wait for a resume
	Oldest, Since          time.Time
	LastResult             string
	LastAt                 time.Time
	GaveUp                 int // deliveries given up since the last success
	GaveUpAt               time.Time
}

// Forward is what admin needs of the forwarder.
type Forward interface {
	Status() []Destination
	Progress(d *pool.Delivery)
	Pause(name string, paused bool, why string) bool
}

// Wire writes objects of the pool as the wire has them.
type Wire struct {
	Message     func(*pool.Message) protocol.Message
	Call        func(*pool.Call) protocol.Call
	Reservation func(*pool.ReservationView) protocol.Reservation
	Test        func(*pool.TestView) protocol.Test
	// TestRequest reads what a test is to do.
	TestRequest func(*protocol.TestRequest) (pool.TestRequest, error)
}

// Options is what a Handler is made of. All but Token and Logger are required.
type Options struct {
	Pool     *pool.Pool
	Store    Store
	Forward  Forward
	Wire     Wire
	Token    string // empty: none is asked for
	Version  string
	Registry *prometheus.Registry
	Ready    func() error // why the gateway does not serve yet
	Logger   *slog.Logger // nil: discarded
}

// Handler answers the operator.
type Handler struct {
	o       Options
	log     *slog.Logger
	mux     *http.ServeMux
	token   atomic.Pointer[[sha256.Size]byte] // nil: none is asked for
	metrics http.Handler
	began   time.Time
	streams streams
	wrong   protocol.Guesses
}

// maxBody bounds a request's body.
const maxBody = 64 << 10

// New makes a handler and registers the metrics that it derives.
func New(o Options) (*Handler, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	h := &Handler{o: o, log: o.Logger, mux: http.NewServeMux(), began: time.Now()}
	h.SetToken(o.Token)
	if err := o.Registry.Register(newCollector(o.Pool, o.Version)); err != nil {
		return nil, err
	}
	h.metrics = promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2})
	h.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	h.mux.HandleFunc("GET /readyz", h.readyz)
	h.mux.Handle("GET /metrics", h.metrics)
	h.mux.HandleFunc("GET /{$}", h.page)
	for pattern, fn := range h.streamed() {
		h.mux.HandleFunc(pattern, fn)
	}
	o.Pool.Subscribe(h.happened)
	h.mux.HandleFunc("GET /api/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(description) // the client may have gone
	})
	for pattern, fn := range h.endpoints() {
		h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { h.answer(w, r, fn) })
	}
	h.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		code := pool.NotFound
		if allowed := h.methods(r); len(allowed) > 0 {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			code = "method_not_allowed"
		}
		h.answer(w, r, func(*exchange) (any, error) { return nil, &pool.Error{Code: code} })
	})
	return h, nil
}

// methods are those that the path of a request takes.
func (h *Handler) methods(r *http.Request) (out []string) {
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
		other := *r
		other.Method = m
		if _, pattern := h.mux.Handler(&other); pattern != "/" && pattern != "" {
			out = append(out, m)
		}
	}
	return out
}

// SetToken replaces the token; empty: none is asked for.
func (h *Handler) SetToken(token string) {
	if token == "" {
		h.token.Store(nil)
		return
	}
	sum := sha256.Sum256([]byte(token))
	h.token.Store(&sum)
}

// TokenFailures says whether within the last minute an address has asked too often
// without the token.
func (h *Handler) TokenFailures(now time.Time) bool { return h.wrong.Over(now) }

// Trusted serves whoever can reach it: the control socket.
func (h *Handler) Trusted() http.Handler { return h.mux }

// Public asks for the token where one is set; without one it refuses what a proxy or a
// browser on a foreign page could send.
func (h *Handler) Public() http.Handler {
	cross := http.NewCrossOriginProtection()
	guarded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if want := h.token.Load(); want != nil {
			scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
			if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(sum[:], want[:]) != 1 {
				peer, _ := netip.ParseAddrPort(r.RemoteAddr) // of no address: all of those together
				if h.wrong.TooMany(peer.Addr(), time.Now()) {
					w.Header().Set("Retry-After", "60")
					h.problem(w, &pool.Error{Code: "rate_limited"})
					return
				}
				w.Header().Set("WWW-Authenticate", "Bearer")
				h.problem(w, &pool.Error{Code: pool.Unauthorized})
				return
			}
		} else if foreign(r) {
			h.problem(w, &pool.Error{Code: pool.Forbidden, Detail: "the admin endpoint has no token: set [admin] token_file to reach it by another name or through a proxy"})
			return
		}
		h.mux.ServeHTTP(w, r)
	})
	return cross.Handler(guarded)
}

// foreign says whether a request has come through a proxy, or by a name that is not this machine's.
func foreign(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return true
		}
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host != "localhost" && (ip == nil || !ip.IsLoopback())
}

func (h *Handler) readyz(w http.ResponseWriter, _ *http.Request) {
	if err := h.o.Ready(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ready\n") // the client may have gone
}

// exchange is one request under way.
type exchange struct {
	h *Handler
	r *http.Request
}

// answer runs an endpoint and writes its value or its problem.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, fn func(*exchange) (any, error)) {
	v, err := fn(&exchange{h, r})
	if err != nil {
		h.problem(w, err)
		return
	}
	write(w, http.StatusOK, "application/json", v)
}

func (h *Handler) problem(w http.ResponseWriter, err error) {
	e, ok := errors.AsType[*pool.Error](err)
	switch {
	case ok:
	case errors.Is(err, context.Canceled):
		return
	default:
		if invalid, yes := errors.AsType[*protocol.Invalid](err); yes {
			e = &pool.Error{Code: pool.InvalidRequest, Detail: invalid.Error()}
		} else {
			h.log.Error("a request failed", "error", err)
			e = &pool.Error{Code: pool.StoreUnavailable}
		}
	}
	p := protocol.NewProblem(string(e.Code), e.Detail)
	write(w, p.Status, "application/problem+json", p)
}

func write(w http.ResponseWriter, status int, kind string, v any) {
	body, err := protocol.Marshal(v)
	if err != nil {
		http.Error(w, "the answer can't be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	body = append(body, '\n') // for who reads it in a terminal
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have gone
}

// read reads the body into a struct, exactly. No body is an empty object.
func (x *exchange) read(into any) error {
	body, err := io.ReadAll(io.LimitReader(x.r.Body, maxBody+1))
	if err != nil {
		return &protocol.Invalid{Why: "the body did not come whole"}
	}
	if len(body) > maxBody {
		return &pool.Error{Code: "too_large"}
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	if kind, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return &pool.Error{Code: "unsupported_media_type"}
	}
	return protocol.Read(body, into)
}
