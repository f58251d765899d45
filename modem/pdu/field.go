package pdu

import "time"

const (
	maxAddress = 20 // semi-octets (23.040 clause 9.1.2.5)
	stampLen   = 7  // octets

	alphanumeric  = 5 // types of number
	international = 1
)

// address reads the address of a TPDU: its length in useful semi-octets, its type,
// its value (23.040 clause 9.1.2.5).
func (m *Message) address(in *octets) error {
	n, ok := in.next()
	if !ok {
		return ErrShort
	}
	if n > maxAddress {
		return ErrAddress
	}
	value, ok := in.take(1 + (int(n)+1)/2)
	if !ok {
		return ErrShort
	}
	m.AddressType = value[0]
	if kind(value[0]) == alphanumeric {
		m.Address = name(value[1:], int(n)*4/7)
	} else {
		m.Address = number(value[0], value[1:], int(n))
	}
	return nil
}

func kind(toa byte) byte { return toa >> 4 & 7 }

// number returns the first n semi-octets of value as digits. A filler ends the
// number whatever n says, and n ends it where the filler lacks.
func number(toa byte, value []byte, n int) string {
	var space [2*maxCentre + 1]byte
	text := space[:0]
	if kind(toa) == international {
		text = append(text, '+')
	}
	digits := 0
	for ; digits < n; digits++ {
		d := value[digits/2] >> (digits % 2 * 4) & 0x0F
		if d == 0x0F {
			break
		}
		text = append(text, "0123456789*#abc"[d])
	}
	if digits == 0 {
		return ""
	}
	return string(text)
}

// name returns an alphanumeric address of n septets. Eight septets fill seven
// octets, so a name of seven letters whose length was counted in whole octets seems
// to end in "@": that one is dropped.
func name(value []byte, n int) string {
	if n == 8 && value[6]>>1 == 0 {
		n--
	}
	var space [4 * maxAddress]byte
	var d decoder
	text := d.septets(space[:0], body{octets: value, end: n})
	return string(text)
}

// timestamp reads a service-centre time stamp (23.040 clause 9.2.3.11). It is the
// zero time, and a flaw, when it is none.
func (m *Message) timestamp(b []byte) time.Time {
	var v [stampLen - 1]int
	valid := true
	for i := range v {
		tens, units := int(b[i]&0x0F), int(b[i]>>4)
		valid = valid && tens <= 9 && units <= 9
		v[i] = tens*10 + units
	}
	// The zone counts quarters of an hour, bit 3 is its sign. Digits above 9
	// occur there and count as what they are.
	quarters := int(b[6]&0x07)*10 + int(b[6]>>4)
	valid = valid && quarters < 80
	if b[6]&0x08 != 0 {
		quarters = -quarters
	}
	year, month, day := 2000+v[0], time.Month(v[1]), v[2]
	t := time.Date(year, month, day, v[3], v[4], v[5], 0, time.FixedZone("", quarters*15*60))
	valid = valid && t.Month() == month && t.Day() == day && v[3] < 24 && v[4] < 60 && v[5] < 60
	if !valid {
		m.Flaws |= BadTime
		return time.Time{}
	}
	return t
}

// coding reads the data coding scheme (23.038 clause 4).
func (m *Message) coding() {
	dcs := m.DCS
	m.Alphabet = GSM7
	switch dcs >> 4 {
	case 0x0, 0x1, 0x2, 0x3, 0x4, 0x5, 0x6, 0x7: // general, and marked for automatic deletion
		m.Compressed = dcs&0x20 != 0
		if dcs&0x10 != 0 {
			m.Class = int(dcs & 3)
		}
		switch dcs >> 2 & 3 {
		case 1:
			m.Alphabet = Octets
		case 2:
			m.Alphabet = UCS2
		case 3:
			m.Flaws |= ReservedCoding
		}
	case 0xC, 0xD, 0xE: // message waiting: discard, store, store in UCS2
		if dcs>>4 == 0xE {
			m.Alphabet = UCS2
		}
		m.Waiting = Waiting{
			Set:     dcs&0x08 != 0,
			Clear:   dcs&0x08 == 0,
			Discard: dcs>>4 == 0xC,
			Mailbox: mailbox(dcs & 3),
		}
	case 0xF: // data coding and class
		m.Class = int(dcs & 3)
		if dcs&0x04 != 0 {
			m.Alphabet = Octets
		}
	default:
		m.Flaws |= ReservedCoding
	}
}

func mailbox(kind byte) string {
	return [4]string{"voicemail", "fax", "email", "other"}[kind&3]
}
