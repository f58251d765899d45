package pdu

import "encoding/binary"

// Information elements of the user data header (23.040 clause 9.2.3.24).
const (
	elementConcat8  = 0x00
	elementWaiting  = 0x01
	elementPorts8   = 0x04
	elementPorts16  = 0x05
	elementConcat16 = 0x08
	elementSingle   = 0x24
	elementLocking  = 0x25
)

// userData reads the user data length and all behind it (clauses 9.2.3.16 and
// 9.2.3.24): header, then text or data. What there is counts more than the length.
func (m *Message) userData(first byte, in octets) error {
	n, ok := in.next()
	if !ok {
		return ErrShort
	}
	m.coding()
	length, septets := int(n), int(n)
	if m.Alphabet == GSM7 && !m.Compressed {
		length = (septets*7 + 7) / 8
	}
	data := []byte(in)
	switch {
	case len(data) < length:
		m.Flaws |= Truncated
		septets = min(septets, len(data)*8/7)
	case len(data) > length:
		m.Flaws |= Trailing
		data = data[:length]
	}

	header := 0
	if first&headerFlag != 0 && len(in) > 0 {
		switch header = 1 + int(in[0]); {
		case header <= len(data):
			m.elements(data[1:header])
		case header <= length:
			m.elements(data[1:])
			header = len(data)
		default:
			m.Flaws |= BadHeader
			header = 0
		}
	}
	m.body.octets = data[header:]
	if m.Alphabet == GSM7 && !m.Compressed {
		// Septets are counted from the header's begin, so that the first of the
		// text may start within an octet.
		m.body.octets = data
		m.body.start = (header*8 + 6) / 7
		m.body.end = max(septets, m.body.start)
	}
	m.text()
	return nil
}

// elements reads the information elements of a user data header. Where one comes
// twice the last counts (clause 9.2.3.24).
func (m *Message) elements(header []byte) {
	for len(header) >= 2 {
		id, n := header[0], int(header[1])
		if 2+n > len(header) {
			m.Flaws |= BadElement
			return
		}
		value := header[2 : 2+n]
		header = header[2+n:]
		switch {
		case id == elementConcat8 && n == 3:
			m.concat(Concat{Ref: int(value[0]), Total: int(value[1]), Seq: int(value[2])})
		case id == elementConcat16 && n == 4:
			ref := int(binary.BigEndian.Uint16(value))
			m.concat(Concat{Ref: ref, Total: int(value[2]), Seq: int(value[3]), Wide: true})
		case id == elementPorts8 && n == 2:
			m.Ports = Ports{Destination: int(value[0]), Source: int(value[1])}
		case id == elementPorts16 && n == 4:
			m.Ports = Ports{
				Destination: int(binary.BigEndian.Uint16(value)),
				Source:      int(binary.BigEndian.Uint16(value[2:])),
			}
		case id == elementWaiting && n == 2:
			m.Waiting = Waiting{
				Set:     value[1] > 0,
				Clear:   value[1] == 0,
				Discard: value[0]&0x80 == 0,
				Mailbox: mailbox(value[0]),
				Count:   int(value[1]),
			}
		case id == elementSingle && n == 1:
			m.body.single = m.language(value[0])
		case id == elementLocking && n == 1:
			m.body.locking = m.language(value[0])
		}
	}
}

func (m *Message) concat(c Concat) {
	if c.Total < 2 || c.Seq < 1 || c.Seq > c.Total {
		m.Flaws |= BadConcat
		return
	}
	m.Concat = c
}

func (m *Message) language(id byte) language {
	if l := language(id); l.known() {
		return l
	}
	m.Flaws |= UnknownLanguage
	return 0
}
