package config

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"sort"
	"time"

	"modemgate/pool"
	"modemgate/protocol"
	"modemgate/protocol/alarm"
	"modemgate/protocol/api"
	"modemgate/protocol/forward"
	"modemgate/protocol/trigger"
	"modemgate/store"
)

// Config is a file that has no faults.
type Config struct {
	Path         string
	Host         string // this machine's name, as events and topics have it
	DataDir      string
	API          Listener
	Admin        Listener
	Modems       Modems
	Apps         []App
	Destinations []Destination
	Providers    []trigger.Provider
	Reporters    []api.Reporter
	Alarms       []alarm.Receiver
	Retention    store.Limits
	Backup       Backup
	Pool         pool.Config
	Warnings     []Fault
}

// Listener is where a server listens.
type Listener struct {
	Listen         string
	CertFile       string
	KeyFile        string
	Token          string // of the admin endpoint; empty: none is asked for
	Allow          []netip.Prefix
	TrustedProxies []netip.Prefix
}

// Modems is the table [modems].
type Modems struct {
	Ports, Ignore         []string
	Rescan, Health, Sweep time.Duration
	PartialAfter          time.Duration
	Baud                  int
	Sysfs                 string
	LetRing               bool
	Names                 map[string]string // USB path: the operator's name
}

// App is one [[app]] with its secrets.
type App struct {
	pool.App
	Tokens []string
	Rate   float64
}

// Destination is one [[destination]] with its secrets.
type Destination struct {
	Name        string
	Kind        string
	Events      []pool.EventType
	URL         string
	Keys        []protocol.SigningKey
	Template    *forward.Template
	Headers     map[string]string
	CA          *x509.CertPool
	MQTT        *MQTT  // nil unless it is of that kind
	Email       *Email // likewise
	Timeout     time.Duration
	Workers     int
	Retry       []time.Duration
	GiveUpAfter time.Duration
	BacklogRate float64
}

// Errors are all faults of a file.
type Errors struct {
	Path   string
	Faults []Fault
}

// Error gives the first fault.
func (e *Errors) Error() string {
	return e.Path + ":" + e.Faults[0].String()
}

// loader reads one file.
type loader struct {
	path        string
	mode        fs.FileMode
	credentials string
	host        string
	r           reader
}

const maxFile = 1 << 20

// Load reads a file. The error is an [*Errors] when the file could be read and has faults.
func Load(path string) (*Config, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New(path + " is no file")
	}
	if info.Size() > maxFile {
		return nil, errors.New(path + " is larger than 1 MiB")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "modemgate"
	}
	l := &loader{path: path, mode: info.Mode(), credentials: os.Getenv("CREDENTIALS_DIRECTORY"), host: host}
	return l.load(data)
}

func (l *loader) load(data []byte) (*Config, error) {
	if len(data) >= 3 && string(data[:3]) == "\xef\xbb\xbf" {
		data = data[3:]
	}
	tree, faults := parseTree(data)
	l.r.faults = faults
	c := &Config{Path: l.path, Host: l.host}
	if len(faults) == 0 {
		l.file(&section{r: &l.r, t: tree}, c)
	}
	if len(l.r.faults) > 0 {
		sort.SliceStable(l.r.faults, func(i, j int) bool { return l.r.faults[i].Line < l.r.faults[j].Line })
		return nil, &Errors{Path: l.path, Faults: l.r.faults}
	}
	return c, nil
}

// file reads every table.
func (l *loader) file(s *section, c *Config) {
	c.DataDir = s.text("data_dir", "/var/lib/modemgate")
	if c.DataDir == "" {
		s.fault("data_dir", "must name a folder")
	}
	l.api(s.sub("api"), &c.API)
	l.admin(s.sub("admin"), &c.Admin)
	l.modems(s.sub("modems"), &c.Modems)
	c.Pool.PartialAfter = c.Modems.PartialAfter
	c.Modems.Names = l.slots(s.tables("slot"))
	l.sims(s.sub("sims"), s.tables("sim"), &c.Pool)
	l.destinations(s.tables("destination"), c)
	l.routes(s.tables("route"), c)
	l.apps(s.tables("app"), c)
	l.providers(s.tables("provider"), c)
	l.monitors(s.tables("monitor"), c)
	l.alarms(s.tables("alarm"), c)
	l.retention(s.sub("retention"), c)
	l.backup(s.sub("backup"), c)
	s.later("own_number", "balance")
	s.done()
}
