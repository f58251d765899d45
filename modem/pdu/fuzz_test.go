package pdu

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"unicode/utf8"
)

// sound fails the test unless m keeps what a Message promises.
func sound(t testing.TB, m Message) {
	t.Helper()
	if m.Type != Deliver && m.Type != Submit && m.Type != StatusReport {
		t.Errorf("type %q", m.Type)
	}
	for _, s := range []string{m.SMSC, m.Address, m.Text, Join([]Message{m, {}, m})} {
		if !utf8.ValidString(s) {
			t.Errorf("%q is no UTF-8", s)
		}
	}
	if n := utf8.RuneCountInString(m.Text); n > 255 || len(m.Data) > 255 {
		t.Errorf("%d characters, %d octets", n, len(m.Data))
	}
	if c := m.Concat; c != (Concat{}) && (c.Total < 2 || c.Seq < 1 || c.Seq > c.Total) {
		t.Errorf("concatenation %+v", c)
	}
	if m.Class < NoClass || m.Class > 3 {
		t.Errorf("class %d", m.Class)
	}
}

// TestBitFlips decodes the vectors with up to four bits turned over.
func TestBitFlips(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, v := range vectors(t) {
		raw, err := ParseHex(v.Input)
		if err != nil {
			continue
		}
		for range 500 {
			flipped := slices.Clone(raw)
			for range 1 + random.IntN(4) {
				bit := random.IntN(8 * len(flipped))
				flipped[bit/8] ^= 1 << (bit % 8)
			}
			if m, err := Decode(flipped); err == nil {
				sound(t, m)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, v := range vectors(f) {
		if raw, err := ParseHex(v.Input); err == nil {
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		m, err := Decode(raw)
		if !bytes.Equal(raw, before) {
			t.Error("the input was changed")
		}
		if err == nil {
			sound(t, m)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	pdus := map[string]string{
		"gsm7":      "07919471060040340409D0C6A733390400009060920173018093CC74595C96838C4F6772085AD6DDE4320B444E9741D4B03C6D7EC3E9E9B71B9474D3CB727799DEA286CFE5B9991DA6CBC3F432E85E9793CBA0F09A9EB6A7CB72BA0B9474D3CB727799DE72D6E9FABAFB0CBAA7E56490BA4CD7D34170F91BE4ACD3F575F7794E0F9F4161F1B92C2F8FD1EE32DD054AA2E520E3D3991C82A8E5701B",
		"ucs2":      "07919761989901F0040B919762995696F000084160621263036178042D0442043E0442002004300431043E043D0435043D0442002004370432043E043D0438043B002004320430043C0020003200200440043004370430002E0020041F043E0441043B04350434043D043804390020002D002000200032003600200438044E043D044F00200432002000320031003A00330035",
		"multipart": "079124602009999064068199197600083260211145558084050003310702006F007400650073006900200076007A006400790063006B0079002C0020006E00650063006F002000700072006F00200056006100730020006D0061006D0065002E002000530074006100760074006500200073006500200064006F002000330031002E0037002E0032003000320033002000760020006B007400650072",
	}
	for name, s := range pdus {
		raw, err := ParseHex(s)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
