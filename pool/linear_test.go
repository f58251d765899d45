package pool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	linearSIMs    = 48
	linearClients = 64
	linearRounds  = 5 // with a restart between
	linearOps     = 120000
)

// Kinds of operations.
const (
	opReserve = iota
	opExtend
	opRelease
	opExpire
	opCome
	opGo
)

// linearInput is an operation on the number of a card; linearOutput is what it gave.
type linearInput struct {
	kind int
	sim  int
	id   ID // of the reservation
}

type linearOutput struct {
	ok bool
	id ID
}

// linearState is who holds a number, and whether its card is gone.
type linearState struct {
	holder ID
	gone   bool
}

// linearModel is one number by the rules of the document: it is given only while it is
// live and free, and is its holder's until that one's end.
func linearModel() porcupine.Model {
	return porcupine.Model{
		Partition: func(all []porcupine.Operation) [][]porcupine.Operation {
			parts := make([][]porcupine.Operation, linearSIMs)
			for _, op := range all {
				sim := op.Input.(linearInput).sim
				parts[sim] = append(parts[sim], op)
			}
			return parts
		},
		Init: func() any { return linearState{} },
		Step: func(state, input, output any) (bool, any) {
			s, in, out := state.(linearState), input.(linearInput), output.(linearOutput)
			held := in.id != 0 && s.holder == in.id
			switch in.kind {
			case opReserve:
				free := s.holder == 0 && !s.gone
				s.holder = out.id
				return free, s
			case opExtend:
				return out.ok == held, s
			case opRelease, opExpire:
				if held {
					s.holder = 0
				}
				return held, s
			case opCome, opGo:
				s.gone = in.kind == opGo
			}
			return true, s
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v %+v", input, output) },
	}
}

// refusal is a reservation that was refused because no number was free.
type refusal struct{ call, back int64 }

// stretch is a time in which a number was in some way.
type stretch struct{ from, to int64 }

// unfounded counts refusals during which some number was free and live all the time,
// whatever order the operations had: from the answer to its holder's end until the next
// one's call, and likewise between the coming and the going of its card.
func unfounded(ops []porcupine.Operation, refusals []refusal) (bad int) {
	var closed [linearSIMs][]stretch // in which it may have been taken or gone
	ends := map[ID]int64{}
	for _, op := range ops {
		if in := op.Input.(linearInput); in.kind == opRelease || in.kind == opExpire {
			ends[in.id] = op.Return
		}
	}
	slices.SortFunc(ops, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	var gone [linearSIMs]int64 // since when; -1: it is there
	for _, op := range ops {
		in := op.Input.(linearInput)
		switch in.kind {
		case opReserve:
			end, ended := ends[op.Output.(linearOutput).id]
			if !ended {
				end = math.MaxInt64
			}
			closed[in.sim] = append(closed[in.sim], stretch{op.Call, end})
		case opCome:
			if gone[in.sim] >= 0 {
				closed[in.sim] = append(closed[in.sim], stretch{gone[in.sim], op.Return})
			}
			gone[in.sim] = -1
		case opGo:
			if gone[in.sim] < 0 {
				gone[in.sim] = op.Call
			}
		}
	}
	var open [linearSIMs][]stretch
	for sim, list := range closed {
		list = append(list, stretch{gone[sim], math.MaxInt64}) // all are gone at the end
		slices.SortFunc(list, func(a, b stretch) int { return cmp.Compare(a.from, b.from) })
		at := int64(0)
		for _, s := range list {
			if s.from > at {
				open[sim] = append(open[sim], stretch{at, s.from})
			}
			at = max(at, s.to)
		}
	}
	for _, r := range refusals {
		for sim := range open {
			i, _ := slices.BinarySearchFunc(open[sim], r.call, func(s stretch, at int64) int { return cmp.Compare(s.from, at) })
			if i > 0 && open[sim][i-1].from < r.call && open[sim][i-1].to > r.back {
				bad++
				break
			}
		}
	}
	return bad
}

// history is what clients did, on one clock.
type history struct {
	begun time.Time
	count atomic.Int64

	mu       sync.Mutex
	ops      []porcupine.Operation
	refusals []refusal
}

func (h *history) now() int64 { return int64(time.Since(h.begun)) }

func (h *history) add(client int, in linearInput, call int64, out linearOutput) {
	op := porcupine.Operation{ClientId: client, Input: in, Call: call, Output: out, Return: h.now()}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, op)
	h.count.Add(1)
}

func (h *history) refused(call int64) {
	r := refusal{call, h.now()}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refusals = append(h.refusals, r)
}

// TestLinearizable lets 64 clients reserve, extend, release and let expire while cards
// come and go and the pool is restarted, and has the history checked: it must be one that
// a single client could have seen.
func TestLinearizable(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	conf := &Config{PartialAfter: time.Minute, Apps: []App{{
		Name: "app", Scopes: []Scope{ScopeReserve}, Senders: []string{"X"}, Select: Selection{All: true}, MaxReservations: 1000, MaxTTL: time.Hour,
	}}}
	sims := map[string]int{}
	for i := range linearSIMs {
		number := fmt.Sprintf("+49151000%04d", i)
		conf.SIMs = append(conf.SIMs, FileSIM{ICCID: iccidOf(i), Facts: SIMFacts{Number: &number}})
		sims[iccidOf(i)] = i
	}
	store := newMemory()
	boot := Boot{ID: "boot", At: time.Now(), Clock: time.Hour}
	h := &history{begun: time.Now()}
	var gone [linearSIMs]bool
	for round := range linearRounds {
		p, err := New(Options{Store: store, Decoder: plain{}, Config: conf, Boot: boot})
		if err != nil {
			t.Fatal(err)
		}
		set := func(i int, gone bool) {
			state := Modem{Slot: fmt.Sprint("slot", i), State: "ready", ICCID: iccidOf(i), IMEI: fmt.Sprint(i), Ready: !gone}
			p.ModemChanged(state, time.Now(), true, false)
		}
		for i := range linearSIMs {
			call, kind := h.now(), opCome
			if gone[i] {
				kind = opGo
			}
			set(i, gone[i])
			h.add(linearClients, linearInput{kind: kind, sim: i}, call, linearOutput{ok: true})
		}
		ctx, cancel := context.WithCancel(t.Context())
		var loop, clients sync.WaitGroup
		loop.Go(func() {
			if err := p.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		enough := int64(linearOps * (round + 1) / linearRounds)
		for c := range linearClients {
			r := rand.New(rand.NewPCG(seed, uint64(round*linearClients+c)))
			clients.Go(func() {
				for h.count.Load() < enough && !t.Failed() {
					linearTurn(t, p, h, r, c, sims)
				}
			})
		}
		clients.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(round)))
			tick := time.NewTicker(200 * time.Microsecond)
			defer tick.Stop()
			for ; h.count.Load() < enough && !t.Failed(); <-tick.C {
				i := r.IntN(linearSIMs)
				gone[i] = !gone[i]
				kind := opCome
				if gone[i] {
					kind = opGo
				}
				call := h.now()
				set(i, gone[i])
				h.add(linearClients, linearInput{kind: kind, sim: i}, call, linearOutput{ok: true})
			}
		})
		clients.Wait()
		for i := range linearSIMs { // until the next start
			h.add(linearClients, linearInput{kind: opGo, sim: i}, h.now(), linearOutput{ok: true})
		}
		cancel()
		loop.Wait()
		store = store.crashed()
	}
	store.close()
	if t.Failed() {
		return
	}
	if bad := unfounded(h.ops, h.refusals); bad > 0 {
		t.Errorf("%d of %d refusals came while a number was free", bad, len(h.refusals))
	}
	switch porcupine.CheckOperationsTimeout(linearModel(), h.ops, time.Minute) {
	case porcupine.Ok:
		t.Logf("%d operations, %d refusals", len(h.ops), len(h.refusals))
	case porcupine.Illegal:
		t.Error("no single client could have seen this history")
	default:
		t.Error("the history was not checked in time")
	}
}

// linearTurn is one reservation of a client, from its begin to its end.
func linearTurn(t *testing.T, p *Pool, h *history, r *rand.Rand, client int, sims map[string]int) {
	ttl := time.Hour
	if r.IntN(4) == 0 {
		ttl = time.Duration(r.IntN(3000)) * time.Microsecond
	}
	call := h.now()
	v, _, err := p.Reserve(t.Context(), "app", ReserveRequest{TTL: ttl, Wait: time.Duration(1+r.IntN(20)) * time.Millisecond})
	if err != nil {
		if e, ok := errors.AsType[*Error](err); !ok || e.Code != NoNumberFree && e.Code != ReceiversDown {
			t.Errorf("reserving: %v", err)
		}
		h.refused(call)
		return
	}
	sim := sims[v.ICCID]
	h.add(client, linearInput{kind: opReserve, sim: sim}, call, linearOutput{ok: true, id: v.ID})
	due := call + int64(ttl) // not before: the reservation began after the call
	if ttl == time.Hour {
		if r.IntN(2) == 0 {
			call = h.now()
			_, err := p.Extend("app", v.ID, time.Hour)
			h.add(client, linearInput{kind: opExtend, sim: sim, id: v.ID}, call, linearOutput{ok: err == nil})
		}
		call = h.now()
		if err := p.Release("app", v.ID); err != nil {
			t.Errorf("releasing: %v", err)
		}
		h.add(client, linearInput{kind: opRelease, sim: sim, id: v.ID}, call, linearOutput{ok: true})
		return
	}
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	for range tick.C {
		now, err := p.Reservation("app", v.ID)
		if err != nil {
			t.Errorf("asking: %v", err)
			return
		}
		if !now.EndedAt.IsZero() {
			break
		}
	}
	h.add(client, linearInput{kind: opExpire, sim: sim, id: v.ID}, due, linearOutput{ok: true})
	call = h.now()
	_, err = p.Extend("app", v.ID, time.Hour)
	h.add(client, linearInput{kind: opExtend, sim: sim, id: v.ID}, call, linearOutput{ok: err == nil})
}
