package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"modemgate/admin"
	"modemgate/pool"
	"modemgate/store"
)

func auditList() command {
	return command{name: "audit list", short: "lists the audit log, newest first", setup: func(e *env) func() error {
		ask, asJSON := e.ask(), e.jsonFlag()
		most := e.flags.Int("n", 100, "how many; 0: all")
		return func() error {
			c, err := ask()
			if err != nil {
				return err
			}
			rows, err := pages[admin.AuditRow](e.ctx, c, "/api/v1/audit", *most)
			if err != nil {
				return err
			}
			return show(e, *asJSON, rows, []string{"SEQ", "AT", "WHO", "WHAT", "SUBJECT", "WHY"}, func(a *admin.AuditRow) []string {
				return []string{fmt.Sprint(a.Seq), at(&a.At), a.Who, a.What, or(a.Subject), or(a.Why)}
			})
		}
	}}
}

func auditExport() command {
	return command{name: "audit export", short: "prints the audit log, oldest first, an object a line", setup: func(e *env) func() error {
		ask := e.ask()
		return func() error {
			c, err := ask()
			if err != nil {
				return err
			}
			return c.stream(e.ctx, "/api/v1/audit/export", e.stdout)
		}
	}}
}

func auditVerify() command {
	return command{
		name: "audit verify", short: "checks that nothing in the audit log was changed, left out or moved",
		long: "With -head it also checks that an entry of that hash is there: a log whose end was cut is whole in itself, but lacks a head that\n" +
			"was noted elsewhere. The daemon notes its head in the journal at its start and every day.",
		setup: func(e *env) func() error {
			ask := e.ask()
			head := e.flags.String("head", "", "`hash` of an entry that was noted elsewhere")
			return func() error {
				c, err := ask()
				if err != nil {
					return err
				}
				r, w := io.Pipe()
				go func() { _ = w.CloseWithError(c.stream(e.ctx, "/api/v1/audit/export", w)) }() // ends with the reader
				defer r.Close()
				n, last, err := verifyAudit(r, *head)
				if err != nil {
					return &failure{what: "the audit log is not whole", err: err, try: "keep a copy of the data folder, and ask who could write it"}
				}
				_, err = fmt.Fprintf(e.stdout, "%d entries are whole, head %s\n", n, last)
				return err
			}
		},
	}
}

// verifyAudit checks an export.
func verifyAudit(r io.Reader, head string) (n int, last string, err error) {
	var check store.AuditCheck
	found := head == ""
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for ; lines.Scan(); n++ {
		var row admin.AuditRow
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return n, last, fmt.Errorf("line %d: %w", n+1, err)
		}
		entry := pool.Audit{At: time.Time(row.At), Who: row.Who, What: row.What}
		if row.Subject != nil {
			entry.Subject = *row.Subject
		}
		if row.Why != nil {
			entry.Why = *row.Why
		}
		if err := check.Next(store.AuditRow{Seq: row.Seq, Audit: entry, Hash: row.Hash}); err != nil {
			return n, last, err
		}
		last = row.Hash
		found = found || last == head
	}
	if err := lines.Err(); err != nil {
		return n, last, err
	}
	if !found {
		return n, last, fmt.Errorf("no entry has the hash %s: the end was cut, or it is another log", head)
	}
	return n, last, nil
}
