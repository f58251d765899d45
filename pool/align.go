package pool

// hunk is a span of the expected text that another span of the observed one stands for.
// One of the two may be empty.
type hunk struct {
	from, to   int // of the expected text, in runes
	with, till int // of the observed one
}

// Costs of an alignment. What is added or cut off at the ends is cheaper than the same in
// the middle, so that a prefix stays one piece even where its letters occur in the text.
const (
	costReplace = 3
	costOpen    = 4
	costOpenEnd = 2
	costMore    = 1
)

// ways by which a cell was reached.
const (
	byMatch uint8 = iota
	byDrop        // a rune of the expected text is missing
	byAdd         // a rune is there that was not expected
)

// align finds the cheapest way to make an observed text of the expected one (Gotoh's
// alignment with affine gaps), and returns where they differ, in order, and how many
// runes are the same.
func align(e, o []rune) (hunks []hunk, same int) {
	rows, cols := len(e)+1, len(o)+1
	const far = 1 << 28
	// Best cost by the way in which a cell was reached; only the last row is needed.
	prev, row := newCosts(cols), newCosts(cols)
	from := [3][]uint8{make([]uint8, rows*cols), make([]uint8, rows*cols), make([]uint8, rows*cols)}
	for j := range cols {
		prev[byMatch][j], prev[byDrop][j], prev[byAdd][j] = far, far, far
		if j > 0 {
			prev[byAdd][j] = costOpenEnd + costMore*j
			from[byAdd][j] = byAdd
		}
	}
	prev[byMatch][0] = 0
	for i := 1; i < rows; i++ {
		row[byMatch][0], row[byAdd][0] = far, far
		row[byDrop][0] = costOpenEnd + costMore*i
		from[byDrop][i*cols] = byDrop
		for j := 1; j < cols; j++ {
			at := i*cols + j
			pay := costReplace
			if e[i-1] == o[j-1] {
				pay = 0
			}
			way, least := cheapest(prev, j-1, 0, 0, 0)
			row[byMatch][j], from[byMatch][at] = least+pay, way
			open := costOpen
			if j == cols-1 {
				open = costOpenEnd
			}
			way, least = cheapest(prev, j, open, 0, open)
			row[byDrop][j], from[byDrop][at] = least+costMore, way
			open = costOpen
			if i == rows-1 {
				open = costOpenEnd
			}
			way, least = cheapest(row, j-1, open, open, 0)
			row[byAdd][j], from[byAdd][at] = least+costMore, way
		}
		prev, row = row, prev
	}
	way, _ := cheapest(prev, cols-1, 0, 0, 0)
	return trace(e, o, from, way)
}

type costs [3][]int

func newCosts(n int) costs { return costs{make([]int, n), make([]int, n), make([]int, n)} }

// cheapest picks the way with the least cost at j, each with what it costs more.
func cheapest(c costs, j, match, drop, add int) (way uint8, least int) {
	way, least = byMatch, c[byMatch][j]+match
	if v := c[byDrop][j] + drop; v < least {
		way, least = byDrop, v
	}
	if v := c[byAdd][j] + add; v < least {
		way, least = byAdd, v
	}
	return way, least
}

// trace walks an alignment back from its end.
func trace(e, o []rune, from [3][]uint8, way uint8) (hunks []hunk, same int) {
	cols := len(o) + 1
	i, j := len(e), len(o)
	open := hunk{from: -1}
	flush := func() {
		if open.from >= 0 {
			hunks = append(hunks, open)
		}
		open = hunk{from: -1}
	}
	grow := func(i, j int) {
		if open.from < 0 {
			open.to, open.till = i, j
		}
	}
	for i > 0 || j > 0 {
		before := from[way][i*cols+j]
		switch way {
		case byMatch:
			if e[i-1] == o[j-1] {
				flush()
				same++
			} else {
				grow(i, j)
				open.from, open.with = i-1, j-1
			}
			i, j = i-1, j-1
		case byDrop:
			grow(i, j)
			i--
			open.from, open.with = i, j
		default:
			grow(i, j)
			j--
			open.from, open.with = i, j
		}
		way = before
	}
	flush()
	for a, b := 0, len(hunks)-1; a < b; a, b = a+1, b-1 {
		hunks[a], hunks[b] = hunks[b], hunks[a]
	}
	return hunks, same
}

// inOrder is how many of the expected runes the observed ones hold, in order: the
// longest common subsequence.
func inOrder(e, o []rune) int {
	last := make([]int, len(o)+1)
	for _, r := range e {
		corner := 0
		for j, c := range o {
			above := last[j+1]
			if r == c {
				last[j+1] = corner + 1
			} else {
				last[j+1] = max(above, last[j])
			}
			corner = above
		}
	}
	return last[len(o)]
}
