package simulator

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// submit is the end of CMGS and CMGW: an SMS-SUBMIT is sent or kept.
func (m *Modem) submit(text string, length int, keep bool) {
	raw, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || routeOf(raw).length != length {
		m.finish(nil, m.cms(304))
		return
	}
	if keep {
		s := m.storages(m.set.mem[1])[0]
		at := s.put(&message{id: m.rack.newIDs(1)[0], raw: raw, stat: 2})
		if at < 0 {
			m.finish(nil, m.cms(322))
			return
		}
		m.finish([]string{fmt.Sprintf("+CMGW: %d", at+m.prof.IndexBase)}, finalOK)
		return
	}
	to, sms, err := asDeliver(raw, m.card.sim.MSISDN, time.Now())
	if err != nil || m.registration() == 0 {
		m.finish(nil, m.cms(500))
		return
	}
	m.finish([]string{"+CMGS: 1"}, finalOK)
	// Another modem is locked for it, so this one must not be.
	m.rack.wg.Go(func() { m.rack.forward(to, sms) })
}

// forward delivers a PDU to the SIM of that number, if it is in the rack.
func (r *Rack) forward(number string, raw []byte) {
	for _, m := range r.modems {
		if s, _ := m.SIM(); s.MSISDN == number {
			m.DeliverPDU(raw)
			return
		}
	}
}

// asDeliver is what the receiver of an SMS-SUBMIT gets (3GPP TS 23.040 clauses
// 9.2.2.1 and 9.2.2.2), and the number it goes to.
func asDeliver(raw []byte, from string, at time.Time) (to string, deliver []byte, err error) {
	short := fmt.Errorf("simulator: SUBMIT is cut short")
	if len(raw) == 0 || len(raw) < int(raw[0])+5 {
		return "", nil, short
	}
	tpdu := raw[1+int(raw[0]):]
	digits := int(tpdu[2])
	body := 4 + (digits+1)/2
	validity := map[byte]int{0: 0, 0x10: 1, 0x08: 7, 0x18: 7}[tpdu[0]&0x18]
	if len(tpdu) < body+2+validity+1 {
		return "", nil, short
	}
	for i := range digits {
		to += string("0123456789*#abcF"[tpdu[4+i/2]>>(4*(i%2))&0xf])
	}
	if tpdu[3] == 0x91 {
		to = "+" + to
	}
	number := bcd(strings.TrimPrefix(smsc, "+"))
	deliver = append([]byte{byte(len(number) + 1), 0x91}, number...)
	deliver = append(deliver, 0x04|tpdu[0]&0x40)
	deliver = append(deliver, address(from)...)
	deliver = append(deliver, tpdu[body], tpdu[body+1])
	deliver = append(deliver, timestamp(at)...)
	return to, append(deliver, tpdu[body+2+validity:]...), nil
}
