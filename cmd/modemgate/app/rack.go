package app

import (
	"modemgate/modem"
	"modemgate/pool"
)

// sink gives the pool what modems receive.
type sink struct{ p *pool.Pool }

func (s sink) Message(m modem.Message, done func(error)) {
	s.p.Receive(pool.Incoming{
		Slot: m.Slot, IMEI: m.IMEI, ICCID: m.ICCID, Network: m.Network, Storage: m.Storage, PDU: m.PDU, HalfHex: m.HalfHex,
		Announced: m.Found == modem.Announced, AtConnect: m.Found == modem.SweepAtConnect, At: m.At,
	}, done)
}

func (s sink) Deleted(iccid string, pdu []byte) { s.p.Deleted(iccid, pdu) }

func (s sink) Call(c modem.Call) {
	s.p.Ring(pool.Ringing{Slot: c.Slot, ICCID: c.ICCID, From: c.From, Started: c.Started, Ended: c.Ended, Rings: c.Rings})
}

// modemChanged tells all who care how a modem is.
func (a *App) modemChanged(s modem.Status, gone bool) {
	a.counters.slot(s.Slot)
	a.pool.ModemChanged(poolModem(s), s.HeardAt, s.Swept, gone)
	a.admin.ModemChanged(s.Slot)
}

func poolModem(s modem.Status) pool.Modem {
	return pool.Modem{
		Slot: s.Slot, Port: s.Port, State: string(s.State), Reason: string(s.Reason), Detail: s.Detail, Family: s.Family,
		Manufacturer: s.Manufacturer, Model: s.Model, Revision: s.Revision, IMEI: s.IMEI, ICCID: s.ICCID, IMSI: s.IMSI,
		CardNumber: s.Number, Registration: s.Registration, Roaming: s.Roaming, Operator: s.Operator, PLMN: s.PLMN,
		SignalDBm: s.SignalDBm, StorageUsed: s.StorageUsed, StorageTotal: s.StorageTotal, Since: s.Since, Ready: s.State == modem.Ready,
	}
}
