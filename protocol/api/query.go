package api

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"modemgate/pool"
	"modemgate/protocol"
)

// query reads the parameters of a request. The first fault is kept; all reads after it
// give zero values.
type query struct {
	values url.Values
	err    error
	known  map[string]bool
}

func (x *exchange) query() *query {
	q := &query{known: map[string]bool{}}
	var err error
	if q.values, err = url.ParseQuery(x.r.URL.RawQuery); err != nil {
		q.fail("query", "can't be read: is every value escaped?")
	}
	return q
}

func (q *query) fail(name, why string) {
	if q.err == nil {
		q.err = &protocol.Invalid{Name: name, Why: why}
	}
}

// text reads a parameter; empty when it is not given.
func (q *query) text(name string) string {
	q.known[name] = true
	values := q.values[name]
	if len(values) > 1 {
		q.fail(name, "stands twice")
		return ""
	}
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

func (q *query) word(name string, allowed ...string) string {
	v := q.text(name)
	if v == "" {
		return ""
	}
	if slices.Contains(allowed, v) {
		return v
	}
	q.fail(name, "must be one of "+strings.Join(allowed, ", "))
	return ""
}

func (q *query) flag(name string) bool { return q.word(name, "true", "false") == "true" }

func (q *query) time(name string) time.Time {
	v := q.text(name)
	if v == "" {
		return time.Time{}
	}
	t, err := protocol.ParseTime(v)
	if err != nil {
		q.fail(name, err.Error())
	}
	return t
}

func (q *query) id(name, prefix string) pool.ID {
	v := q.text(name)
	if v == "" {
		return 0
	}
	n, ok := protocol.ParseID(prefix, v)
	if !ok {
		q.fail(name, "not an id such as "+prefix+"_1234")
	}
	return pool.ID(n)
}

func (q *query) number(name string) string {
	v := q.text(name)
	if v != "" && !pool.IsNumber(v) {
		q.fail(name, "not a number such as +4915112345678")
	}
	return v
}

// limit reads how many rows are wanted.
func (q *query) limit() int {
	v := q.text("limit")
	if v == "" {
		return 100
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 1000 || strconv.Itoa(n) != v {
		q.fail("limit", "must be a whole number from 1 to 1000")
	}
	return n
}

// page reads limit, after and order of a list of things with ids.
func (q *query) page(prefix string) pool.Query {
	return pool.Query{Limit: q.limit(), After: q.id("after", prefix), Ascending: q.word("order", "asc", "desc") == "asc"}
}

// done reports the first fault, an unknown parameter among them.
func (q *query) done() error {
	for name := range q.values {
		if !q.known[name] {
			q.fail(name, "unknown parameter")
		}
	}
	return q.err
}

// rows pages a list whose rows have no id: next is the place of the first row left.
func rows[T, W any](q *query, all []T, wire func(*T) W) (protocol.List[W], error) {
	limit, at := q.limit(), 0
	if v := q.text("after"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			q.fail("after", "not what next said")
		}
		at = n
	}
	out := protocol.List[W]{Items: []W{}}
	if err := q.done(); err != nil {
		return out, err
	}
	for i := at; i < len(all); i++ {
		if len(out.Items) == limit {
			next := strconv.Itoa(i)
			out.Next = &next
			break
		}
		out.Items = append(out.Items, wire(&all[i]))
	}
	return out, nil
}

// list makes a page of things with ids.
func list[T, W any](items []T, next pool.ID, prefix string, wire func(T) W) protocol.List[W] {
	out := protocol.List[W]{Items: []W{}, Next: protocol.OptionalID(prefix, uint64(next))}
	for _, v := range items {
		out.Items = append(out.Items, wire(v))
	}
	return out
}
