package pdu

import (
	"encoding/hex"
	"strings"
	"time"
)

// Description is what a person or a script wants to know of a PDU, as one JSON
// object. What does not apply is left out.
type Description struct {
	Parse string `json:"parse"` // "ok" or "error"
	Error string `json:"error,omitempty"`

	Type        Type    `json:"type,omitempty"`
	SMSC        string  `json:"smsc,omitempty"`
	Address     string  `json:"address,omitempty"`
	Text        *string `json:"text,omitempty"`
	DataHex     string  `json:"data_hex,omitempty"`
	Timestamp   string  `json:"timestamp,omitempty"` // RFC 3339, in the service centre's zone
	Discharge   string  `json:"discharge,omitempty"`
	Status      *byte   `json:"status,omitempty"`
	Reference   *byte   `json:"mr,omitempty"`
	DCS         *byte   `json:"dcs,omitempty"`
	Alphabet    string  `json:"alphabet,omitempty"`
	Compressed  bool    `json:"compressed,omitempty"`
	Class       *int    `json:"class,omitempty"`
	Concat      *concat `json:"concat,omitempty"`
	Ports       *ports  `json:"ports,omitempty"`
	WaitSet     bool    `json:"mwi_set,omitempty"`
	WaitClear   bool    `json:"mwi_clear,omitempty"`
	WaitDiscard bool    `json:"mwi_dont_store,omitempty"`
	Mailbox     string  `json:"mwi_mailbox,omitempty"`
	WaitCount   int     `json:"mwi_count,omitempty"`

	Flaws []string `json:"flaws,omitempty"`
}

type concat struct {
	Ref   int `json:"ref"`
	Total int `json:"total"`
	Seq   int `json:"seq"`
	Bits  int `json:"bits,omitempty"` // 16 for a wide reference
}

type ports struct {
	Destination int `json:"dst"`
	Source      int `json:"src"`
}

// Describe tells what DecodeHex makes of a PDU with its service-centre part.
//
// It is stricter than decoding is: where a PDU that came whole contradicts its own
// lengths, Parse is "error", and what could be read of it all the same is there. A
// PDU that ends in half an octet was cut on its way; that is no fault of its own.
func Describe(s string) Description {
	m, err := DecodeHex(s)
	if err != nil {
		return Description{Parse: "error", Error: err.Error()}
	}
	d := Description{
		Parse:       "ok",
		Type:        m.Type,
		SMSC:        m.SMSC,
		Address:     m.Address,
		DataHex:     strings.ToUpper(hex.EncodeToString(m.Data)),
		Timestamp:   stamp(m.SentAt),
		Discharge:   stamp(m.Discharged),
		Alphabet:    string(m.Alphabet),
		Compressed:  m.Compressed,
		WaitSet:     m.Waiting.Set,
		WaitClear:   m.Waiting.Clear,
		WaitDiscard: m.Waiting.Discard,
		Mailbox:     m.Waiting.Mailbox,
		WaitCount:   m.Waiting.Count,
		Flaws:       m.Flaws.Words(),
	}
	if contradiction := m.Flaws & (Truncated | BadHeader); contradiction != 0 && m.Flaws&HalfOctet == 0 {
		d.Parse = "error"
		d.Error = "pdu: " + strings.Join(contradiction.Words(), ", ")
	}
	if m.Type != Deliver {
		d.Reference = &m.Reference
	}
	if m.Type == StatusReport {
		d.Status = &m.Status
		return d
	}
	d.DCS = &m.DCS
	if m.Text != "" || !m.Compressed && m.Alphabet != Octets {
		d.Text = &m.Text
	}
	if m.Class != NoClass {
		d.Class = &m.Class
	}
	if c := m.Concat; c.Total != 0 {
		d.Concat = &concat{Ref: c.Ref, Total: c.Total, Seq: c.Seq}
		if c.Wide {
			d.Concat.Bits = 16
		}
	}
	if p := m.Ports; p != (Ports{}) {
		d.Ports = &ports{Destination: p.Destination, Source: p.Source}
	}
	return d
}

// stamp writes a time with its zone as an offset even where that is UTC, since it
// is the service centre's.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02T15:04:05-07:00")
}
