package pool

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	// A text of which less than this is left, in percent, is another text.
	leastLeft = 60
	// Texts of more cells than this are not aligned but called changed: 2,000 by 2,000
	// characters is more than any message has.
	mostCells = 4 << 20
	likeness  = 80 // percent of the expected characters, in order
	leastOwn  = 50 // percent of what came that these must be: any long text has a short one's letters
	leastPart = 40 // characters of a part that it may be known by
)

// link finds links in texts, as phones do.
var link = regexp.MustCompile(`(?i)\b(?:https?://|www\.)[^\s]+|\b[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*\.[a-z]{2,}/[^\s]*`)

// difference is one thing by which a received text differs from the one that was sent.
type difference struct {
	code               FindingCode
	expected, observed string
}

// compareTexts says what was done to a text on its way. Without a difference the two are
// the same by the rule.
func compareTexts(rule TextRule, expected, observed string) []difference {
	switch rule {
	case TextAnything:
		return nil
	case TextNormalised:
		expected, observed = normalise(expected), normalise(observed)
	}
	if expected == observed {
		return nil
	}
	rewritten, e, o := compareLinks(expected, observed)
	return append(rewritten, comparePlain(e, o)...)
}

// compareLinks takes links that were rewritten out of both texts, where they have the
// same number of them.
func compareLinks(e, o string) (out []difference, restE, restO string) {
	if strings.HasPrefix(e, o) || strings.HasSuffix(e, o) { // cut off, maybe in a link
		return nil, e, o
	}
	in, got := link.FindAllStringIndex(e, -1), link.FindAllStringIndex(o, -1)
	if len(in) == 0 || len(in) != len(got) {
		return nil, e, o
	}
	for i := range slices.Backward(in) {
		a, b := e[in[i][0]:in[i][1]], o[got[i][0]:got[i][1]]
		if a == b {
			continue
		}
		out = append([]difference{{LinkRewritten, a, b}}, out...)
		e = e[:in[i][0]] + "\x00" + e[in[i][1]:]
		o = o[:got[i][0]] + "\x00" + o[got[i][1]:]
	}
	return out, e, o
}

// comparePlain compares what is left.
func comparePlain(e, o string) []difference {
	switch {
	case e == o:
		return nil
	case o == "":
		return []difference{{TextTruncated, e, ""}}
	case strings.HasPrefix(e, o):
		return []difference{{TextTruncated, e[len(o):], ""}}
	case strings.HasSuffix(e, o):
		return []difference{{TextTruncated, e[:len(e)-len(o)], ""}}
	case strings.HasSuffix(o, e):
		return []difference{{TextPrefixed, "", o[:len(o)-len(e)]}}
	case strings.HasPrefix(o, e):
		return []difference{{TextSuffixed, "", o[len(e):]}}
	}
	if at := strings.Index(o, e); at > 0 {
		return []difference{{TextPrefixed, "", o[:at]}, {TextSuffixed, "", o[at+len(e):]}}
	}
	a, b := []rune(e), []rune(o)
	changed := []difference{{TextChanged, e, o}}
	if len(a)*len(b) > mostCells {
		return changed
	}
	hunks, same := align(a, b)
	var out []difference
	replaced := 0 // characters that others stand for: they are there, in a way
	for _, h := range hunks {
		d, ok := judgeHunk(a, b, h)
		if !ok {
			return changed
		}
		if d.code == CharsReplaced {
			replaced += h.to - h.from
		}
		out = merge(out, d)
	}
	cutOff := len(out) == 1 && out[0].code == TextTruncated
	if (same+replaced)*100 < leastLeft*len(a) && !cutOff {
		return changed
	}
	return out
}

// merge puts findings of one code together: a text is told once to be replaced in places.
func merge(out []difference, d difference) []difference {
	for i := range out {
		if out[i].code == d.code {
			out[i].expected += "…" + d.expected
			out[i].observed += "…" + d.observed
			return out
		}
	}
	return append(out, d)
}

// judgeHunk names what was done in one place; not ok when it is none of what is done to
// texts on their way, but a change of what they say.
func judgeHunk(e, o []rune, h hunk) (difference, bool) {
	was, is := e[h.from:h.to], o[h.with:h.till]
	d := difference{expected: string(was), observed: string(is)}
	atBegin, atEnd := h.from == 0 && h.with == 0, h.to == len(e) && h.till == len(o)
	switch {
	case hasLink(e, h):
		d.code = LinkRewritten
	case len(was) == 0 && atBegin:
		d.code = TextPrefixed
	case len(was) == 0 && atEnd:
		d.code = TextSuffixed
	case len(was) == 0:
		return d, false
	case replaceable(was, is):
		d.code = CharsReplaced
	case len(is) == 0 && (atBegin || atEnd), atEnd && ellipsis(is) && len(was) > len(is):
		d.code = TextTruncated
	default:
		return d, false
	}
	return d, true
}

// hasLink says whether a place lies in a link of the expected text.
func hasLink(e []rune, h hunk) bool {
	text := string(e)
	for _, span := range link.FindAllStringIndex(text, -1) {
		from, to := len([]rune(text[:span[0]])), len([]rune(text[:span[1]]))
		if h.from < to && h.to > from {
			return true
		}
	}
	return false
}

func ellipsis(is []rune) bool { return len(is) > 0 && strings.Trim(string(is), ".… ") == "" }

// replaceable says whether other characters can stand for those that were sent: for each
// one that not every phone has, one or a few, or none; for any, one that looks like it.
// A letter or digit of the basic alphabet that became another one says something else.
func replaceable(was, is []rune) bool {
	if len(was) == len(is) {
		for i := range was {
			if common(was[i]) && is[i] != '?' && fold(was[i]) != fold(is[i]) {
				return false
			}
		}
		return true
	}
	return !slices.ContainsFunc(was, common) && len(is) <= 3*len(was)
}

func common(r rune) bool { return r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

// lookAlikes are characters that providers send for others: those of the GSM alphabet
// for those that are not in it (3GPP TS 23.038 clause 6.2.1), and the capital letters
// that Latin, Greek and Cyrillic have alike.
var lookAlikes = map[rune]string{
	'‘': "'", '’': "'", '‚': "'", '`': "'", '´': "'", '“': `"`, '”': `"`, '„': `"`, '«': `"`, '»': `"`,
	'‐': "-", '‑': "-", '–': "-", '—': "-", '−': "-", '…': "...", '•': "*", '\u00a0': " ", '\u202f': " ", '\u2009': " ",
	'Α': "A", 'Β': "B", 'Ε': "E", 'Ζ': "Z", 'Η': "H", 'Ι': "I", 'Κ': "K", 'Μ': "M", 'Ν': "N", 'Ο': "O", 'Ρ': "P", 'Τ': "T", 'Υ': "Y", 'Χ': "X",
	'А': "A", 'В': "B", 'Е': "E", 'К': "K", 'М': "M", 'Н': "H", 'О': "O", 'Р': "P", 'С': "C", 'Т': "T", 'Х': "X",
	'а': "a", 'е': "e", 'о': "o", 'р': "p", 'с': "c", 'х': "x", 'у': "y", 'і': "i",
}

// fold is a character as its look-alike of the basic alphabet, without accents.
func fold(r rune) string {
	if s, ok := lookAlikes[r]; ok {
		return s
	}
	return string(firstRune(norm.NFD.String(string(r))))
}

func firstRune(s string) rune {
	for _, r := range s {
		return r
	}
	return 0
}

// normalise makes texts alike that differ in what nobody sees: composed characters,
// blanks, look-alikes.
func normalise(s string) string {
	var b strings.Builder
	for _, r := range norm.NFC.String(s) {
		if like, ok := lookAlikes[r]; ok {
			b.WriteString(like)
		} else {
			b.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// like says whether a text that has lost its token may be the one that was sent: of the
// expected characters at least 80 % are there, in order, and not among many more.
func like(expected, observed string) bool {
	if shared(expected, observed)*100 < likeness*utf8.RuneCountInString(expected) {
		return false // not even in any order
	}
	e, o := []rune(expected), []rune(observed)
	if len(e) == 0 || len(e)*len(o) > mostCells {
		return false
	}
	same := inOrder(e, o)
	return same*100 >= likeness*len(e) && same*100 >= leastOwn*len(o)
}

// shared is how many of the expected characters the observed text has, in any order: no
// more can be there in order. Those beyond Latin-1 are counted together.
func shared(expected, observed string) (n int) {
	var have [257]int
	at := func(r rune) *int { return &have[min(r, 256)] }
	for _, r := range observed {
		*at(r)++
	}
	for _, r := range expected {
		if c := at(r); *c > 0 {
			*c--
			n++
		}
	}
	return n
}

// likePart is like for a message that lacks parts: of the characters that came.
func likePart(expected, observed string) bool {
	e, o := []rune(expected), []rune(observed)
	if len(o) < leastPart || len(e) < len(o) || len(e)*len(o) > mostCells {
		return false
	}
	return inOrder(o, e)*100 >= likeness*len(o)
}
