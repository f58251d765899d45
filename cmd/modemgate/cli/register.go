package cli

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"modemgate/admin"
)

const maxRegister = 4 << 20

// registerColumns are the columns of the SIM register as a CSV file.
func registerColumns() []string {
	return []string{"iccid", "name", "number", "tags", "enabled", "note"}
}

func simsExport() command {
	return command{name: "sims export", short: "prints the cards as CSV, as sims import reads it", setup: func(e *env) func() error {
		ask := e.ask()
		return func() error {
			c, err := ask()
			if err != nil {
				return err
			}
			rows, err := pages[admin.SIMRow](e.ctx, c, "/api/v1/sims", 0)
			if err != nil {
				return err
			}
			w := csv.NewWriter(e.stdout)
			_ = w.Write(registerColumns()) // an error shows at the end
			for i := range rows {
				_ = w.Write(registerCells(&rows[i]))
			}
			w.Flush()
			return w.Error()
		}
	}}
}

func registerCells(s *admin.SIMRow) []string {
	name := s.Name
	if name == s.ICCID { // none was given
		name = ""
	}
	text := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	return []string{s.ICCID, name, text(s.Number), strings.Join(s.Tags, ","), strconv.FormatBool(s.Enabled), text(s.Note)}
}

func simsImport() command {
	return command{
		name: "sims import", args: "FILE.csv", nargs: 1, short: "takes what a CSV file says of cards, as sims set does",
		long: "The first line names the columns: iccid, and any of name, number, tags (joined by commas), enabled, note. What a cell says already\n" +
			"is left as it is, an empty cell says nothing. A card that has not come yet is listed from then on. Nothing is changed when a line can't be read.",
		setup: func(e *env) func() error {
			ask := e.ask()
			return func() error {
				f, err := os.Open(e.args[0])
				if err != nil {
					return &failure{what: "reading the cards", err: err}
				}
				defer f.Close()
				if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > maxRegister {
					return &failure{what: "reading the cards: " + e.args[0] + " is no file of at most 4 MiB"}
				}
				lines, err := readRegister(f)
				if err != nil {
					return &failure{what: "reading " + e.args[0], err: err}
				}
				c, err := ask()
				if err != nil {
					return err
				}
				return importRegister(e, c, lines)
			}
		},
	}
}

// registerLine is a line of a CSV file: cells by column.
type registerLine struct {
	line  int
	cells map[string]string
}

// readRegister reads a file whole, so that one that can't be read changes nothing.
func readRegister(r io.Reader) (out []registerLine, err error) {
	in := csv.NewReader(r)
	in.TrimLeadingSpace = true
	head, err := in.Read()
	if err != nil {
		return nil, err
	}
	for i := range head {
		head[i] = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(head[i]), "\ufeff"))
		if !slices.Contains(registerColumns(), head[i]) {
			return nil, fmt.Errorf("line 1: column %q is not known: known are %s", head[i], strings.Join(registerColumns(), ", "))
		}
	}
	if !slices.Contains(head, "iccid") {
		return nil, errors.New("line 1: there is no column iccid")
	}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		n, _ := in.FieldPos(0)
		l := registerLine{n, map[string]string{}}
		for i, name := range head {
			l.cells[name] = strings.TrimSpace(row[i])
		}
		if l.cells["iccid"] == "" {
			return nil, fmt.Errorf("line %d: no iccid", n)
		}
		if v := l.cells["enabled"]; v != "" {
			if _, err := strconv.ParseBool(v); err != nil {
				return nil, fmt.Errorf("line %d: enabled must be true or false", n)
			}
		}
		out = append(out, l)
	}
}

func importRegister(e *env, c *client, lines []registerLine) error {
	rows, err := pages[admin.SIMRow](e.ctx, c, "/api/v1/sims", 0)
	if err != nil {
		return err
	}
	known := map[string][]string{}
	for i := range rows {
		known[strings.TrimRight(rows[i].ICCID, "F")] = registerCells(&rows[i])
	}
	changed, refused := 0, 0
	for _, l := range lines {
		var pairs []string
		now := known[strings.TrimRight(l.cells["iccid"], "F")]
		for i, name := range registerColumns() {
			if v := l.cells[name]; v != "" && name != "iccid" && (now == nil || now[i] != v) {
				pairs = append(pairs, name+"="+v)
			}
		}
		if len(pairs) == 0 && now != nil {
			continue
		}
		patch, err := simPatch(pairs)
		if err == nil {
			err = c.call(e.ctx, http.MethodPatch, "/api/v1/sims/"+url.PathEscape(l.cells["iccid"]), patch, nil)
		}
		if err != nil {
			refused++
			fmt.Fprintf(e.stderr, "modemgate: line %d: %v\n", l.line, err)
			continue
		}
		changed++
	}
	fmt.Fprintf(e.stdout, "%d cards changed, %d as they were, %d refused\n", changed, len(lines)-changed-refused, refused)
	if refused > 0 {
		return &failure{what: fmt.Sprintf("%d of %d lines were refused", refused, len(lines))}
	}
	return nil
}

func simsForget() command {
	return command{name: "sims forget", args: "ICCID", nargs: 1, short: "drops what is kept of a card; its messages stay", setup: func(e *env) func() error {
		ask := e.ask()
		return func() error {
			c, err := ask()
			if err != nil {
				return err
			}
			return c.call(e.ctx, http.MethodDelete, "/api/v1/sims/"+url.PathEscape(e.args[0]), nil, nil)
		}
	}}
}
