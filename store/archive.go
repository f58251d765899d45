package store

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"modemgate/pool"
)

// class is one of the files that a day has in the archive.
type class string

const (
	records class = "records"
	texts   class = "texts"
	trials  class = "tests"
	entries class = "audit"
)

// shelved is one line of the archive. Exactly one field is set.
type shelved struct {
	Message     *pool.Message      `json:"message,omitempty"`
	Call        *pool.Call         `json:"call,omitempty"`
	Reservation *pool.Reservation  `json:"reservation,omitempty"`
	Delivery    *pool.Delivery     `json:"delivery,omitempty"`
	Text        *shelvedText       `json:"text,omitempty"`
	Test        *pool.FinishedTest `json:"test,omitempty"`
	Entry       *chained           `json:"entry,omitempty"`
}

// shelvedText is what a message said.
type shelvedText struct {
	Message pool.ID  `json:"id"`
	Text    *string  `json:"text,omitempty"`
	PDUs    [][]byte `json:"pdus,omitempty"`
}

// archive keeps what is closed and old in files beside the database, four a UTC day,
// each a gzip of JSON lines. A file is replaced whole, by a copy with more lines, so a
// crash leaves the one or the other. What is moved is first on disk here, then leaves the
// database: a row that a crash left in both is the database's.
type archive struct {
	dir    string
	damage func(error)

	mu   sync.Mutex
	span map[string][2]pool.ID // by file: the least and the greatest id of its messages; once it was read
}

func newArchive(path string, damage func(error)) *archive {
	return &archive{dir: filepath.Join(filepath.Dir(path), "archive"), damage: damage, span: map[string][2]pool.ID{}}
}

func (a *archive) name(day string, c class) string {
	return filepath.Join(a.dir, day+"."+string(c)+".jsonl.gz")
}

func dayOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// days lists the days that have a file of a class, oldest first.
func (a *archive) days(c class) (out []string) {
	files, err := os.ReadDir(a.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.damage(fmt.Errorf("reading the archive: %w", err))
	}
	for _, f := range files {
		day, ok := strings.CutSuffix(f.Name(), "."+string(c)+".jsonl.gz")
		if _, err := time.Parse(time.DateOnly, day); ok && err == nil {
			out = append(out, day)
		}
	}
	return out // ReadDir sorts them
}

// add puts rows behind what a day's file has.
func (a *archive) add(day string, c class, rows []shelved) error {
	return a.replace(day, c, func(w io.Writer) error {
		old, err := os.Open(a.name(day, c))
		switch {
		case err == nil:
			defer old.Close()
			if _, err := io.Copy(w, old); err != nil {
				return err
			}
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		return pack(w, rows)
	})
}

// pack writes rows as one member of a gzip file.
func pack(w io.Writer, rows []shelved) error {
	z := gzip.NewWriter(w)
	enc := json.NewEncoder(z)
	enc.SetEscapeHTML(false)
	for i := range rows {
		if err := enc.Encode(&rows[i]); err != nil {
			return err
		}
	}
	return z.Close()
}

// replace writes a day's file anew; the new one takes its place when it is on disk.
func (a *archive) replace(day string, c class, write func(io.Writer) error) error {
	if err := os.MkdirAll(a.dir, 0o750); err != nil {
		return err
	}
	path := a.name(day, c)
	draft, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	buffer := bufio.NewWriterSize(draft, 64<<10)
	err = write(buffer)
	if err = errors.Join(err, buffer.Flush()); err == nil {
		err = draft.Sync()
	}
	if err = errors.Join(err, draft.Close()); err == nil {
		//failpoint:before_archived
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return errors.Join(err, ignoreAbsent(os.Remove(path+".new")))
	}
	a.mu.Lock()
	delete(a.span, path)
	a.mu.Unlock()
	return errors.Join(syncDir(a.dir), syncDir(filepath.Dir(a.dir)))
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// rewrite replaces the rows of a day's file.
func (a *archive) rewrite(day string, c class, rows []shelved) error {
	return a.replace(day, c, func(w io.Writer) error { return pack(w, rows) })
}

// read gives the rows of a day's file; of one that is damaged those before the damage.
func (a *archive) read(day string, c class) (rows []shelved) {
	f, err := os.Open(a.name(day, c))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			a.damage(fmt.Errorf("reading the archive: %w", err))
		}
		return nil
	}
	defer f.Close()
	z, err := gzip.NewReader(bufio.NewReaderSize(f, 64<<10))
	if err != nil {
		a.damage(fmt.Errorf("%w archive %s: %w", ErrDamaged, filepath.Base(f.Name()), err))
		return nil
	}
	for dec := json.NewDecoder(z); ; {
		var row shelved
		if err := dec.Decode(&row); errors.Is(err, io.EOF) {
			return rows
		} else if err != nil {
			a.damage(fmt.Errorf("%w archive %s", ErrDamaged, filepath.Base(f.Name())))
			return rows
		}
		rows = append(rows, row)
	}
}

// over are the days of a class that had ended before a time, oldest first.
func (a *archive) over(c class, before time.Time) []string {
	return slices.DeleteFunc(a.days(c), func(day string) bool {
		begin, err := time.Parse(time.DateOnly, day)
		return err != nil || begin.Add(24*time.Hour).After(before)
	})
}

// drop deletes the files of a class whose day is over since before.
func (a *archive) drop(c class, before time.Time) (n int, err error) {
	for _, day := range a.over(c, before) {
		if err := os.Remove(a.name(day, c)); err != nil {
			return n, err
		}
		n++
	}
	if n > 0 {
		err = syncDir(a.dir)
	}
	return n, err
}

// walkArchive gives what load finds in the days of a class, in the order of ids, each once.
func walkArchive[T any](a *archive, c class, after pool.ID, ascending bool, load func(day string) []*T, id func(*T) pool.ID, yield func(*T) bool) bool {
	days := a.days(c)
	if !ascending {
		slices.Reverse(days)
	}
	for _, day := range days {
		if a.passed(day, c, after, ascending) {
			continue
		}
		out := slices.DeleteFunc(load(day), func(v *T) bool {
			return after != 0 && (ascending && id(v) <= after || !ascending && id(v) >= after)
		})
		slices.SortStableFunc(out, func(x, y *T) int {
			if ascending {
				return cmp.Compare(id(x), id(y))
			}
			return cmp.Compare(id(y), id(x))
		})
		seen := map[string]bool{}
		for _, v := range out {
			key := keyOf(v, id(v))
			if seen[key] {
				continue // a crash came between its two places
			}
			seen[key] = true
			if !yield(v) {
				return false
			}
		}
	}
	return true
}

// keyOf tells rows apart: an event has a delivery for each destination.
func keyOf(v any, id pool.ID) string {
	key := fmt.Sprint(id)
	if d, is := v.(*pool.Delivery); is {
		key += d.Destination
	}
	return key
}

// passed says whether a day's file has nothing behind after, as far as that is known.
func (a *archive) passed(day string, c class, after pool.ID, ascending bool) bool {
	if after == 0 {
		return false
	}
	path := a.name(day, c)
	a.mu.Lock()
	span, known := a.span[path]
	a.mu.Unlock()
	if !known {
		rows := a.read(day, c)
		for i := range rows {
			id := rows[i].id()
			if span[0] == 0 || id < span[0] {
				span[0] = id
			}
			span[1] = max(span[1], id)
		}
		a.mu.Lock()
		a.span[path] = span
		a.mu.Unlock()
	}
	if ascending {
		return span[1] <= after
	}
	return span[0] >= after
}

// id is that of a row.
func (r *shelved) id() pool.ID {
	switch {
	case r.Message != nil:
		return r.Message.ID
	case r.Call != nil:
		return r.Call.ID
	case r.Reservation != nil:
		return r.Reservation.ID
	case r.Delivery != nil:
		return r.Delivery.Event
	case r.Test != nil:
		return r.Test.ID
	case r.Text != nil:
		return r.Text.Message
	case r.Entry != nil:
		return pool.ID(r.Entry.Seq)
	}
	return 0
}
