package admin

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"modemgate/pool"
	"modemgate/protocol"
)

// exportPatience is how long a client may take for a hundred rows.
const (
	exportPatience = 30 * time.Second
	exportFlush    = 100
)

// export writes rows bit by bit, for as long as the client takes them.
type export struct {
	w    http.ResponseWriter
	c    *http.ResponseController
	rows int
}

func newExport(w http.ResponseWriter, kind string) *export {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	e := &export{w: w, c: http.NewResponseController(w)}
	e.extend()
	return e
}

func (e *export) extend() {
	_ = e.c.SetWriteDeadline(time.Now().Add(exportPatience)) // where it can't be set there is none
}

// row counts one that was written; false when the client has gone.
func (e *export) row(err error) bool {
	if e.rows++; err == nil && e.rows%exportFlush == 0 {
		e.extend()
		err = e.c.Flush()
	}
	return err == nil
}

// exportAudit gives the audit log whole, oldest first, an object a line.
func (h *Handler) exportAudit(w http.ResponseWriter, _ *http.Request) {
	if err := h.o.Pool.Audited(pool.Audit{Who: "operator", What: "audit.exported"}); err != nil {
		h.problem(w, err)
		return
	}
	e := newExport(w, "application/jsonl")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	h.o.Store.AuditAscending(func(seq uint64, a pool.Audit, hash string) bool { return e.row(enc.Encode(auditRow(seq, a, hash))) })
}

func auditRow(seq uint64, a pool.Audit, hash string) AuditRow {
	return AuditRow{seq, protocol.Time(a.At), a.Who, a.What, protocol.Optional(a.Subject), protocol.Optional(a.Why), hash}
}

// exportMessages gives messages, oldest first, as JSON lines or CSV; texts only when
// they are asked for, which is audited.
func (h *Handler) exportMessages(w http.ResponseWriter, r *http.Request) {
	x := &exchange{h, r}
	p, err := x.page("from", "to", "format", "text")
	var from, to time.Time
	for name, at := range map[string]*time.Time{"from": &from, "to": &to} {
		if v := p.filter.Get(name); v != "" && err == nil {
			if *at, err = protocol.ParseTime(v); err != nil {
				err = &protocol.Invalid{Name: name, Why: err.Error()}
			}
		}
	}
	format, text := p.filter.Get("format"), p.filter.Get("text") == "1"
	if format != "" && format != "csv" && format != "jsonl" && err == nil {
		err = &protocol.Invalid{Name: "format", Why: "must be csv or jsonl"}
	}
	if err == nil {
		what := "messages.exported"
		if text {
			what = "messages.exported_with_texts"
		}
		err = h.o.Pool.Audited(pool.Audit{Who: "operator", What: what})
	}
	if err != nil {
		h.problem(w, err)
		return
	}
	each := func(yield func(row MessageRow) bool) {
		h.o.Store.Messages(0, true, func(m *pool.Message) bool {
			if m.CompletedAt.Before(from) || !to.IsZero() && !m.CompletedAt.Before(to) {
				return true
			}
			row := h.messageRow(m)
			if text {
				row.Text = m.Text
			}
			return yield(row)
		})
	}
	if format == "csv" {
		exportCSV(w, text, each)
		return
	}
	e := newExport(w, "application/jsonl")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	each(func(row MessageRow) bool { return e.row(enc.Encode(row)) })
}

func exportCSV(w http.ResponseWriter, text bool, each func(func(MessageRow) bool)) {
	e := newExport(w, "text/csv; charset=utf-8")
	out := csv.NewWriter(w)
	head := []string{"id", "kind", "received_at", "completed_at", "sent_at", "sim", "number", "from", "smsc", "network", "parts", "complete", "reservation"}
	if text {
		head = append(head, "text")
	}
	_ = out.Write(head) // an error shows with the first row
	each(func(m MessageRow) bool {
		cells := []string{
			m.ID, m.Kind, timeCell(&m.ReceivedAt), timeCell(m.CompletedAt), timeCell(m.SentAt), m.SIM, cell(m.Number), cell(m.From), cell(m.SMSC), cell(m.Network),
			strconv.Itoa(m.Parts.Received) + "/" + strconv.Itoa(m.Parts.Total), strconv.FormatBool(m.Complete), cell(m.Reservation),
		}
		if text {
			cells = append(cells, cell(m.Text))
		}
		err := out.Write(cells)
		out.Flush()
		return e.row(err)
	})
	out.Flush()
}

func cell(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func timeCell(t *protocol.Time) string {
	if t == nil {
		return ""
	}
	return t.String()
}
