package app

import (
	"modemgate/modem/pdu"
	"modemgate/pool"
)

// decoder is package pdu as the pool needs it.
type decoder struct{}

func (decoder) Digest(raw []byte) pool.Digest { return pdu.Digest(raw) }

func (decoder) Decode(raw []byte) (pool.Decoded, error) {
	m, err := pdu.Decode(raw)
	if err != nil {
		return pool.Decoded{}, err
	}
	d := pool.Decoded{
		Kind: pool.MessageKind(m.Kind()), From: m.Address, FromKind: m.AddressKind(), FromTON: m.TON(), FromNPI: m.NPI(),
		Text: m.Text, SentAt: m.SentAt, SMSC: m.SMSC, Encoding: string(m.Alphabet), Language: m.Language(), Class: m.Class,
		PID: int(m.Protocol), DCS: int(m.DCS), Digest: pdu.Digest(raw),
	}
	d.HasText = m.Kind() == pdu.KindText || m.Text != ""
	if m.Type == pdu.StatusReport {
		d.PID, d.DCS, d.Encoding, d.HasText = -1, -1, "", false
	}
	if c := m.Concat; c.Total > 1 {
		d.Ref, d.Total, d.Seq, d.RefBits = c.Ref, c.Total, c.Seq, 8
		if c.Wide {
			d.RefBits = 16
		}
	}
	return d, nil
}

func (decoder) Segments(text string) (int, string) {
	parts, alphabet := pdu.Segments(text)
	return parts, string(alphabet)
}

func (decoder) Join(parts [][]byte) string {
	out := make([]pdu.Message, len(parts))
	for i, raw := range parts {
		if raw == nil {
			continue
		}
		if m, err := pdu.Decode(raw); err == nil {
			out[i] = m
		}
	}
	return pdu.Join(out)
}
