package pool

import (
	"context"
	"time"
)

const (
	keepKeys = 24 * time.Hour
	maxKeys  = 20000 // of one application; the oldest is forgotten
)

// Idempotency is an Idempotency-Key as it came with a request; the zero value is none.
type Idempotency struct {
	Path string
	Key  string
	Body [32]byte // digest of the body, unpacked
}

type keyID struct{ app, path, key string }

// keyState is a key that has made something, or whose first request runs.
type keyState struct {
	Key
	id      keyID
	running chan struct{} // closed when the first request has its answer; nil: it has long
	err     error         // of that answer
}

// idempotent runs make once for a key. A repeat gets the object as it is now, by again;
// one that comes while the first runs joins it. Only what was made is kept.
func idempotent[T any](ctx context.Context, p *Pool, app string, i Idempotency, make func(*keyState) (T, error), again func(ID) (T, error)) (v T, replayed bool, err error) {
	if i.Key == "" {
		v, err = make(nil)
		return v, false, err
	}
	id := keyID{app, i.Path, i.Key}
	p.mu.Lock()
	ks := p.keys[id]
	if ks == nil {
		ks = &keyState{id: id, Key: Key{App: app, Path: i.Path, Key: i.Key, Body: i.Body}, running: newDone()}
		p.keys[id] = ks
		p.mu.Unlock()
		v, err = make(ks)
		p.mu.Lock()
		ks.err = err
		close(ks.running)
		if err != nil && ks.Object == 0 {
			delete(p.keys, id)
		}
		p.mu.Unlock()
		return v, false, err
	}
	running := ks.running
	p.mu.Unlock()
	if ks.Body != i.Body {
		return v, false, refuse(KeyReused, "the key was used with another body")
	}
	if running != nil {
		select {
		case <-running:
		case <-ctx.Done():
			return v, false, ctx.Err()
		}
		if ks.err != nil {
			return v, false, ks.err
		}
	}
	v, err = again(ks.Object)
	return v, true, err
}

func newDone() chan struct{} { return make(chan struct{}) }

// keep puts the key of a request into the transaction of what it has made.
func (p *Pool) keep(ks *keyState, object ID, c *Change, now time.Time) {
	if ks == nil {
		return
	}
	ks.Object, ks.At = object, p.boot.moment(now)
	c.Keys = append(c.Keys, ks.Key)
	if p.keysOf[ks.App]++; p.keysOf[ks.App] > maxKeys {
		var oldest *keyState
		for _, k := range p.keys {
			if k.App == ks.App && k.Object != 0 && (oldest == nil || k.Object < oldest.Object) {
				oldest = k
			}
		}
		p.dropKey(oldest, c)
	}
}

func (p *Pool) dropKey(ks *keyState, c *Change) {
	delete(p.keys, keyID{ks.App, ks.Path, ks.Key.Key})
	p.keysOf[ks.App]--
	c.DropKeys = append(c.DropKeys, ks.Key)
}

// forgetOld drops what is kept for a time only.
func (p *Pool) forgetOld(now time.Time) {
	c := &Change{}
	for _, ks := range p.keys {
		if ks.Object == 0 {
			continue
		}
		at, ok := p.boot.local(ks.At, p.o.Synchronised(), now)
		if !ok {
			at = p.began // of an earlier boot, and no clock tells how long ago
		}
		if now.Sub(at) > keepKeys {
			p.dropKey(ks, c)
		}
	}
	if len(c.DropKeys) > 0 {
		p.submit(c, nil)
	}
	for k, r := range p.recent {
		if r.committed && now.Sub(r.at) > time.Minute {
			delete(p.recent, k)
		}
	}
	for k, list := range p.partial {
		if now.Sub(list[len(list)-1].at) > keepKeys {
			delete(p.partial, k)
		}
	}
}
