package pdu

import (
	"encoding/binary"
	"slices"
	"unicode/utf16"
)

// Encoding of delivers, for tests: independent of the decoder but for its tables.

// deliverPDU is an SMS-DELIVER from +79001234567 without service centre, sent on
// 2024-02-29 at 23:59:58 +03:00. length is the user data length as it stands in the PDU.
func deliverPDU(dcs byte, header []byte, length int, data []byte) []byte {
	first := byte(0x04)
	if header != nil {
		first |= headerFlag
	}
	return slices.Concat(
		[]byte{0, first, 11, 0x91, 0x97, 0x00, 0x21, 0x43, 0x65, 0xF7, 0, dcs},
		[]byte{0x42, 0x20, 0x92, 0x32, 0x95, 0x85, 0x21},
		[]byte{byte(length)}, data,
	)
}

// gsm7PDU is a deliver of septets behind the elements of a header, nil for none.
func gsm7PDU(dcs byte, elements, septets []byte) []byte {
	header := header(elements)
	skipped := (len(header)*8 + 6) / 7
	data := packed(slices.Concat(make([]byte, skipped), septets))
	copy(data, header)
	return deliverPDU(dcs, header, skipped+len(septets), data)
}

// packed are septets in octets, the first in the lowest bits (23.038 clause 6.1.2.1).
func packed(septets []byte) []byte {
	data := make([]byte, (len(septets)*7+7)/8)
	for i, s := range septets {
		for bit := range 7 {
			at := i*7 + bit
			data[at/8] |= s >> bit & 1 << (at % 8)
		}
	}
	return data
}

// octetPDU is a deliver of octets behind the elements of a header, nil for none.
func octetPDU(dcs byte, elements, data []byte) []byte {
	data = slices.Concat(header(elements), data)
	return deliverPDU(dcs, header(elements), len(data), data)
}

// header is the user data header of some elements, nil if there are none.
func header(elements []byte) []byte {
	if elements == nil {
		return nil
	}
	return append([]byte{byte(len(elements))}, elements...)
}

func units(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.BigEndian.AppendUint16(b, u)
	}
	return b
}

// septets encodes s with the tables of two languages; ok is false if they lack a
// character.
func septets(s string, locking, single language) (encoded []byte, ok bool) {
	for _, r := range s {
		if i := slices.Index(locking.locking()[:], uint16(r)); i >= 0 && i != escape {
			encoded = append(encoded, byte(i))
			continue
		}
		c := byte(0)
		for c < 128 && single.single(c) != uint16(r) {
			c++
		}
		if c == 128 {
			return nil, false
		}
		encoded = append(encoded, escape, c)
	}
	return encoded, true
}
