package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"modemgate/cmd/modemgate/config"
)

// server is one listener with its limits.
type server struct {
	name     string
	listener net.Listener
	http     *http.Server
}

// listen binds all listeners, so that their addresses are known before the start.
func (a *App) listen(c *config.Config) error {
	for _, l := range []struct {
		name string
		conf *config.Listener
	}{{"API", &c.API}, {"admin", &c.Admin}} {
		ln, err := net.Listen("tcp", l.conf.Listen)
		if err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		ln = &limited{Listener: ln, slots: make(chan struct{}, maxConns)}
		if l.conf.CertFile != "" {
			certs := &certificates{cert: l.conf.CertFile, key: l.conf.KeyFile}
			if _, err := certs.get(nil); err != nil {
				_ = ln.Close()
				return fmt.Errorf("%s: tls_cert_file: %w", l.name, err)
			}
			ln = tls.NewListener(ln, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certs.get, NextProtos: []string{"http/1.1"}})
		}
		a.serveOn(l.name, ln)
	}
	return a.listenControl(filepath.Join(c.DataDir, "control.sock"))
}

// listenControl binds the control socket. Without a store there may be no place for it either.
func (a *App) listenControl(path string) error {
	err := a.bindControl(path)
	if err != nil && a.store.Err() != nil {
		a.log.Warn("there is no control socket", "error", err)
		return nil
	}
	return err
}

func (a *App) bindControl(path string) error {
	if info, err := os.Lstat(path); err == nil {
		if info.Mode()&os.ModeSocket == 0 {
			return fmt.Errorf("control socket: %s is there and is no socket", path)
		}
		if err := os.Remove(path); err != nil { // of a run that was killed: the store's lock says that nobody else runs
			return fmt.Errorf("control socket: %w", err)
		}
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		_ = ln.Close()
		return fmt.Errorf("control socket: %w", err)
	}
	a.serveOn("control socket", ln)
	return nil
}

func (a *App) serveOn(name string, ln net.Listener) {
	s := &server{name: name, listener: framed{ln}, http: &http.Server{
		ConnContext:       withFramed,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 60 * time.Second,
		MaxHeaderBytes: 16 << 10, ErrorLog: nil,
	}}
	s.http.ErrorLog = quietLog(a.log)
	a.servers = append(a.servers, s)
	// Until it serves there is only the listener to close.
	a.onStop("listener of the "+name, func(context.Context) error {
		if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
}

func (s *server) addr() string { return s.listener.Addr().String() }

func (s *server) serve() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// stop lets answers under way end, for a while.
func (s *server) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		return s.http.Close()
	}
	return nil
}

// limited closes connections beyond its slots at once.
type limited struct {
	net.Listener
	slots chan struct{}
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.slots <- struct{}{}:
			return &slotted{Conn: c, free: sync.OnceFunc(func() { <-l.slots })}, nil
		default:
			_ = c.Close() // over the bound
		}
	}
}

type slotted struct {
	net.Conn
	free func()
}

// Close gives the slot back.
func (c *slotted) Close() error {
	c.free()
	return c.Conn.Close()
}

// certificates reads a certificate anew when its file has changed.
type certificates struct {
	cert, key string

	mu     sync.Mutex
	at     time.Time
	loaded *tls.Certificate
}

func (c *certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	info, err := os.Stat(c.cert)
	if err == nil && (c.loaded == nil || !info.ModTime().Equal(c.at)) {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(c.cert, c.key); err == nil {
			c.loaded, c.at = &pair, info.ModTime()
		}
	}
	if c.loaded == nil {
		return nil, err
	}
	return c.loaded, nil
}
