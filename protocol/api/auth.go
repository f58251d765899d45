package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"modemgate/pool"
)

// App is an application as the handler knows it.
type App struct {
	Name   string
	Tokens [][sha256.Size]byte // SHA-256 of each token that is good
	Rate   float64             // requests a second
	Scopes []pool.Scope
}

// client is an application with its budget of requests.
type client struct {
	App
	limiter *rate.Limiter
}

func (c *client) can(s pool.Scope) bool {
	return slices.Contains(c.Scopes, s)
}

// HashToken is a token as an App has it.
func HashToken(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }

// authenticate finds out who asks. All tokens are compared, in the same time whichever fits.
func (h *Handler) authenticate(r *http.Request) (*client, [sha256.Size]byte) {
	values := r.Header.Values("Authorization")
	token := ""
	if len(values) == 1 {
		if scheme, rest, ok := strings.Cut(values[0], " "); ok && strings.EqualFold(scheme, "Bearer") {
			token = strings.TrimSpace(rest)
		}
	}
	sum := HashToken(token)
	var found *client
	for _, c := range *h.clients.Load() {
		for i := range c.Tokens {
			if subtle.ConstantTimeCompare(sum[:], c.Tokens[i][:]) == 1 && token != "" {
				found = c
			}
		}
	}
	return found, sum
}

// good says whether a token is one of the application's now.
func (h *Handler) good(app string, token [sha256.Size]byte) bool {
	for _, c := range *h.clients.Load() {
		if c.Name == app && slices.Contains(c.Tokens, token) {
			return true
		}
	}
	return false
}

// SetApps replaces the applications that may call.
func (h *Handler) SetApps(apps []App) {
	old := map[string]*client{}
	if list := h.clients.Load(); list != nil {
		for _, c := range *list {
			old[c.Name] = c
		}
	}
	var list []*client
	for _, a := range apps {
		c := &client{App: a, limiter: rate.NewLimiter(rate.Limit(a.Rate), max(1, int(2*a.Rate)))}
		if was := old[a.Name]; was != nil && was.Rate == a.Rate {
			c.limiter = was.limiter
		}
		list = append(list, c)
		h.metrics.begin(a.Name)
	}
	h.clients.Store(&list)
	h.hub.revoke(h.good)
}

// TokenFailures says whether within the last minute an address has asked too often
// without a valid token.
func (h *Handler) TokenFailures(now time.Time) bool { return h.wrong.Over(now) }

// peer is the address that a request comes from: the connection's, unless that is a
// proxy of the operator's that says whom it speaks for.
func (h *Handler) peer(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	addr = addr.Unmap()
	if !within(h.o.TrustedProxies, addr) {
		return addr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		hop, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		addr = hop.Unmap()
		if !within(h.o.TrustedProxies, addr) {
			break
		}
	}
	return addr
}

func within(list []netip.Prefix, addr netip.Addr) bool {
	for _, p := range list {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
