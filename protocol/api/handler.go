package api

import (
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	_ "embed" // the description of the API
	"errors"
	"io"
	"log/slog"
	"maps"
	"math"
	"mime"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"modemgate/pool"
	"modemgate/protocol"
)

//go:embed openapi.json
var description []byte

// maxBody bounds a request's body, also when it is unpacked.
const maxBody = 64 << 10

// Options is what a Handler is made of. Pool and Writer are required.
type Options struct {
	Pool           *pool.Pool
	Writer         *Writer
	Apps           []App
	Allow          []netip.Prefix // empty: any address
	TrustedProxies []netip.Prefix
	StoreFailed    func() bool           // whether the store can't be used any more; nil: it can
	Logger         *slog.Logger          // nil: discarded
	Registerer     prometheus.Registerer // nil: metrics are kept but not exported
}

// Handler answers the applications.
type Handler struct {
	o       Options
	pool    *pool.Pool
	log     *slog.Logger
	mux     *http.ServeMux
	metrics *metrics
	clients atomic.Pointer[[]*client]

	reporters atomic.Pointer[[]Reporter]
	wrong     protocol.Guesses
	hub       hub
}

// exchange is one request under way.
type exchange struct {
	h      *Handler
	w      http.ResponseWriter
	r      *http.Request
	client *client
	token  [sha256.Size]byte // by which it came in
}

// endpoint answers a request; the error becomes its problem.
type endpoint func(x *exchange) error

// route is one method of a path.
type route struct {
	method, pattern string
	scopes          []pool.Scope // one of these is needed; none: any token
	public          bool         // no token is needed
	fn              endpoint
}

// stored says whether a route needs the store: the others answer from memory.
func (rt *route) stored() bool {
	switch rt.pattern {
	case "", "/v1/numbers", "/v1/availability", "/v1/openapi.json", "/v1/problems/{code}":
		return false
	}
	return true
}

func routes() []route {
	anyScope := []pool.Scope{pool.ScopeRead, pool.ScopeReserve, pool.ScopeTest}
	read := []pool.Scope{pool.ScopeRead}
	reserve := []pool.Scope{pool.ScopeReserve}
	test := []pool.Scope{pool.ScopeTest}
	return []route{
		{"GET", "/v1/numbers", read, false, getNumbers},
		{"GET", "/v1/availability", read, false, getAvailability},
		{"POST", "/v1/reservations", reserve, false, postReservation},
		{"GET", "/v1/reservations", reserve, false, getReservations},
		{"GET", "/v1/reservations/{id}", reserve, false, getReservation},
		{"DELETE", "/v1/reservations/{id}", reserve, false, deleteReservation},
		{"POST", "/v1/reservations/{id}/extend", reserve, false, extendReservation},
		{"GET", "/v1/messages", anyScope, false, getMessages},
		{"GET", "/v1/messages/{id}", anyScope, false, getMessage},
		{"GET", "/v1/calls", read, false, getCalls},
		{"GET", "/v1/calls/{id}", read, false, getCall},
		{"POST", "/v1/wait", anyScope, false, postWait},
		{"GET", "/v1/events", read, false, getEvents},
		{"POST", "/v1/tests", test, false, postTest},
		{"GET", "/v1/tests", test, false, getTests},
		{"GET", "/v1/tests/{id}", test, false, getTest},
		{"DELETE", "/v1/tests/{id}", test, false, deleteTest},
		{"PUT", "/v1/tests/{id}/items/{n}/sent", test, false, putSent},
		{"PUT", "/v1/tests/{id}/items/{n}/dlr", test, false, putDLR},
		{"GET", "/v1/dlr/{provider}/{secret}", nil, true, takeReport},
		{"POST", "/v1/dlr/{provider}/{secret}", nil, true, takeReport},
		{"GET", "/v1/openapi.json", nil, true, getDescription},
		{"GET", "/v1/problems/{code}", nil, true, getProblem},
	}
}

// New makes a handler.
func New(o Options) (*Handler, error) {
	if o.Pool == nil || o.Writer == nil {
		return nil, errors.New("api: pool and writer are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.StoreFailed == nil {
		o.StoreFailed = func() bool { return false }
	}
	h := &Handler{o: o, pool: o.Pool, log: o.Logger, mux: http.NewServeMux()}
	byPath := map[string][]route{}
	for _, rt := range routes() {
		byPath[rt.pattern] = append(byPath[rt.pattern], rt)
	}
	var err error
	if h.metrics, err = newMetrics(o.Registerer, slices.Sorted(maps.Keys(byPath))); err != nil {
		return nil, err
	}
	for pattern, list := range byPath {
		h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { h.serve(pattern, list, w, r) })
	}
	h.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		h.serve("other", []route{{"", "", nil, true, func(*exchange) error { return &pool.Error{Code: pool.NotFound} }}}, w, r)
	})
	h.SetApps(o.Apps)
	h.hub.streams, h.hub.of = map[*stream]struct{}{}, map[string]int{}
	o.Pool.Subscribe(func(ev pool.Event, m *pool.Message) {
		h.hub.tell(&flash{ev: ev, m: m, write: sync.OnceValues(func() ([]byte, error) { return o.Writer.Bytes(&ev, m) })})
	})
	return h, nil
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController through.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// serve answers one request from beginning to end.
func (h *Handler) serve(pattern string, list []route, w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	rec := &recorder{ResponseWriter: w, status: http.StatusOK}
	x := &exchange{h: h, w: rec, r: r}
	id := rand.Text()[:16]
	w.Header().Set("X-Request-Id", id)
	w.Header().Set("Cache-Control", "no-store")
	err := x.guarded(list)
	gone := errors.Is(err, context.Canceled)
	switch {
	case gone:
		rec.status = clientGone
	case err != nil:
		x.problem(err)
	}
	app := ""
	if x.client != nil {
		app = x.client.Name
	}
	h.metrics.count(app, pattern, rec.status, time.Since(begun))
	if gone {
		panic(http.ErrAbortHandler) // an empty answer would look like a good one
	}
}

// clientGone is counted for a request whose client did not wait for the answer.
const clientGone = 499

// guarded runs the endpoint; a panic becomes a problem and is counted.
func (x *exchange) guarded(list []route) (err error) {
	defer func() {
		if v := recover(); v != nil {
			x.h.metrics.panics.Inc()
			x.h.log.Error("a request made the handler panic", "path", x.r.Pattern)
			err = errors.New("internal error")
		}
	}()
	if len(x.h.o.Allow) > 0 && !within(x.h.o.Allow, x.h.peer(x.r)) {
		return &pool.Error{Code: pool.Forbidden, Detail: "the address is not in [api] allow"}
	}
	var allowed []string
	for i := range list {
		rt := &list[i]
		if rt.method != "" && rt.method != x.r.Method {
			allowed = append(allowed, rt.method)
			continue
		}
		if x.h.pool.Stopping() {
			return &pool.Error{Code: pool.Stopping}
		}
		if !rt.public {
			if err := x.enter(rt); err != nil {
				return err
			}
		}
		if rt.stored() && x.h.o.StoreFailed() {
			return &pool.Error{Code: pool.StoreUnavailable}
		}
		return rt.fn(x)
	}
	x.w.Header().Set("Allow", strings.Join(allowed, ", "))
	return &pool.Error{Code: "method_not_allowed"}
}

// enter lets an application in that has a token, a budget and the scope.
func (x *exchange) enter(rt *route) error {
	x.client, x.token = x.h.authenticate(x.r)
	if x.client == nil {
		if x.h.wrong.TooMany(x.h.peer(x.r), time.Now()) {
			return &pool.Error{Code: "rate_limited", RetryAfter: protocol.GuessTime}
		}
		x.w.Header().Set("WWW-Authenticate", "Bearer")
		return &pool.Error{Code: pool.Unauthorized}
	}
	if res := x.client.limiter.Reserve(); res.Delay() > 0 {
		wait := res.Delay()
		res.Cancel()
		return &pool.Error{Code: "rate_limited", RetryAfter: wait}
	}
	if len(rt.scopes) > 0 && !slices.ContainsFunc(rt.scopes, x.client.can) {
		return &pool.Error{Code: pool.Forbidden, Detail: "the application lacks the scope " + string(rt.scopes[0])}
	}
	return nil
}

// app is the name of the application that asks.
func (x *exchange) app() string { return x.client.Name }

// problem writes an error as RFC 9457 has it.
func (x *exchange) problem(err error) {
	e, ok := errors.AsType[*pool.Error](err)
	if !ok {
		if invalid, yes := errors.AsType[*protocol.Invalid](err); yes {
			e = &pool.Error{Code: pool.InvalidRequest, Detail: invalid.Error()}
		} else {
			x.h.log.Error("a request failed", "error", err)
			e = &pool.Error{Code: pool.StoreUnavailable}
		}
	}
	// A body that did not come in time has used the time of the answer, too.
	_ = http.NewResponseController(x.w).SetWriteDeadline(time.Now().Add(5 * time.Second)) // where it can't be set there is none
	p := protocol.NewProblem(string(e.Code), e.Detail)
	if e.RetryAfter > 0 {
		x.w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	} else if e.Code == pool.StoreUnavailable || e.Code == pool.Stopping {
		x.w.Header().Set("Retry-After", "2")
	}
	p.Write(x.w)
}

// json writes an object.
func (x *exchange) json(status int, v any) error {
	body, err := protocol.Marshal(v)
	if err != nil {
		x.h.log.Error("an answer can't be encoded", "error", err)
		status = http.StatusInternalServerError
	}
	x.w.Header().Set("Content-Type", "application/json")
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // the client may have gone
	return nil
}

// read reads the body into a struct, exactly. It returns the body, unpacked.
func (x *exchange) read(into any) ([]byte, error) {
	kind, params, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" || params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
		return nil, &pool.Error{Code: "unsupported_media_type"}
	}
	var src io.Reader = http.MaxBytesReader(x.w, x.r.Body, maxBody)
	switch enc := x.r.Header.Values("Content-Encoding"); {
	case len(enc) == 0:
	case len(enc) == 1 && strings.EqualFold(enc[0], "gzip"):
		if src, err = gzip.NewReader(src); err != nil {
			return nil, &pool.Error{Code: pool.InvalidRequest, Detail: "the body is not gzip"}
		}
	default:
		return nil, &pool.Error{Code: "unsupported_media_type", Detail: "Content-Encoding may be gzip"}
	}
	body, err := io.ReadAll(io.LimitReader(src, maxBody+1))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge || len(body) > maxBody {
		return nil, &pool.Error{Code: "too_large"}
	}
	if err != nil {
		return nil, &pool.Error{Code: pool.InvalidRequest, Detail: "the body did not come whole"}
	}
	return body, protocol.Read(body, into)
}
