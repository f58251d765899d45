package pool

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

func codesOf(list []difference) (out []FindingCode) {
	for _, d := range list {
		out = append(out, d.code)
	}
	return out
}

// TestCompareTexts has one row a rule.
func TestCompareTexts(t *testing.T) {
	t.Parallel()
	const sent = "Your code is 123456. Open https://acme.example/v/abc or ask für 5 €"
	for _, c := range []struct {
		name, expected, observed string
		rule                     TextRule
		want                     []FindingCode
	}{
		{"the same", sent, sent, TextExact, nil},
		{"another case is another text", sent, strings.ToUpper(sent), TextExact, []FindingCode{LinkRewritten, TextChanged}},
		{"put before", sent, "[AD] " + sent, TextExact, []FindingCode{TextPrefixed}},
		{"put before, of its own letters", "Case one", "CaCase one", TextExact, []FindingCode{TextPrefixed}},
		{"put behind", sent, sent + " Reply STOP", TextExact, []FindingCode{TextSuffixed}},
		{"put on both sides", sent, "AD: " + sent + " STOP", TextExact, []FindingCode{TextPrefixed, TextSuffixed}},
		{"put before, and a character replaced", sent, "[AD] " + strings.Replace(sent, "ü", "?", 1), TextExact, []FindingCode{TextPrefixed, CharsReplaced}},
		{"cut off", sent, sent[:30], TextExact, []FindingCode{TextTruncated}},
		{"cut off in the link", sent, sent[:40], TextExact, []FindingCode{TextTruncated}},
		{"cut off at the begin", sent, sent[10:], TextExact, []FindingCode{TextTruncated}},
		{"cut off with dots", sent, sent[:44] + "...", TextExact, []FindingCode{LinkRewritten, TextTruncated}},
		{"cut off with dots, without a link", "Your code is 123456 and it is good for ten minutes", "Your code is 123456 and it is good...", TextExact, []FindingCode{TextTruncated}},
		{"nothing left", sent, "", TextExact, []FindingCode{TextTruncated}},
		{"characters by question marks", sent, strings.NewReplacer("ü", "?", "€", "?").Replace(sent), TextExact, []FindingCode{CharsReplaced}},
		{"characters by several", sent, strings.NewReplacer("ü", "ue", "€", "EUR").Replace(sent), TextExact, []FindingCode{CharsReplaced}},
		{"characters left out", sent, strings.NewReplacer("ü", "", " €", "").Replace(sent), TextExact, []FindingCode{CharsReplaced}},
		{"a character left out", sent, strings.Replace(sent, "ü", "", 1), TextExact, []FindingCode{CharsReplaced}},
		{"look-alikes", "Your code is ABC", "Your сode is АBC", TextExact, []FindingCode{CharsReplaced}},
		{"a digit", sent, strings.Replace(sent, "5 €", "6 €", 1), TextExact, []FindingCode{TextChanged}},
		{"a word", sent, strings.Replace(sent, "code", "word", 1), TextExact, []FindingCode{TextChanged}},
		{"a word less", sent, strings.Replace(sent, "code ", "", 1), TextExact, []FindingCode{TextChanged}},
		{"other words", sent, "Please read 123456 to our friendly agent", TextExact, []FindingCode{TextChanged}},
		{"a link shortened", sent, strings.Replace(sent, "https://acme.example/v/abc", "https://sho.rt/x1", 1), TextExact, []FindingCode{LinkRewritten}},
		{"a link without its scheme", "see acme.example/v/abc now", "see sho.rt/x1 now", TextExact, []FindingCode{LinkRewritten}},
		{"a link tracked", sent, strings.Replace(sent, "/abc", "/abc?utm=1", 1), TextExact, []FindingCode{LinkRewritten}},
		{"a link shortened, and a suffix", sent, strings.Replace(sent, "https://acme.example/v/abc", "https://sho.rt/x1", 1) + " STOP", TextExact, []FindingCode{LinkRewritten, TextSuffixed}},
		{"blanks, exact", "a code", "a  code", TextExact, []FindingCode{TextChanged}},
		{"blanks, normalised", "a code", " a \n code ", TextNormalised, nil},
		{"composed, normalised", "caf\u00e9", "cafe\u0301", TextNormalised, nil},
		{"look-alikes, normalised", "it’s “so” – yes…", `it's "so" - yes...`, TextNormalised, nil},
		{"a suffix, normalised", "it’s so", "it's so STOP", TextNormalised, []FindingCode{TextSuffixed}},
		{"anything with the token", sent, "whatever", TextAnything, nil},
	} {
		if got := codesOf(compareTexts(c.rule, c.expected, c.observed)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// words draws a text of words, some with characters that not every phone has.
func words(least int) *rapid.Generator[string] {
	word := rapid.StringMatching(`[a-z]{2,9}`)
	special := rapid.SampledFrom([]string{"für", "café", "5€", "señor", "Straße", "naïve"})
	return rapid.Custom(func(t *rapid.T) string {
		var out []string
		for range rapid.IntRange(least, 25).Draw(t, "words") {
			if rapid.IntRange(0, 4).Draw(t, "special") == 0 {
				out = append(out, special.Draw(t, "word"))
			} else {
				out = append(out, word.Draw(t, "word"))
			}
		}
		return strings.Join(out, " ")
	})
}

// TestCompareNamesTheEdit makes random edits to random texts: the finding names the edit,
// and nothing else.
func TestCompareNamesTheEdit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := words(8).Draw(t, "text")
		runes := []rune(text)
		var observed string
		var want FindingCode
		switch rapid.IntRange(0, 6).Draw(t, "edit") {
		case 0:
			observed, want = words(1).Draw(t, "prefix")+" "+text, TextPrefixed
		case 1:
			observed, want = text+" "+words(1).Draw(t, "suffix"), TextSuffixed
		case 2:
			observed, want = string(runes[:rapid.IntRange(0, len(runes)-1).Draw(t, "cut")]), TextTruncated
		case 3: // what the alphabet lacks, by question marks
			observed = strings.Map(func(r rune) rune {
				if r > unicode.MaxASCII {
					return '?'
				}
				return r
			}, text)
			want = CharsReplaced
		case 4: // what looks the same
			observed = strings.NewReplacer("a", "а", "o", "о", "c", "с").Replace(text)
			want = CharsReplaced
		case 5: // a few letters replaced by question marks
			at := rapid.IntRange(0, len(runes)-1).Draw(t, "at")
			with := slices.Clone(runes)
			with[at] = '?'
			observed, want = string(with), CharsReplaced
		case 6:
			url := "https://acme.example/" + rapid.StringMatching(`[a-z0-9]{4,12}`).Draw(t, "path")
			short := "https://s.io/" + rapid.StringMatching(`[A-Z]{4}`).Draw(t, "short")
			tail := words(2).Draw(t, "tail")
			text, observed, want = text+" "+url+" "+tail, text+" "+short+" "+tail, LinkRewritten
		}
		got := codesOf(compareTexts(TextExact, text, observed))
		if observed == text {
			if len(got) > 0 {
				t.Fatalf("%v found in an equal text", got)
			}
			return
		}
		if !slices.Equal(got, []FindingCode{want}) {
			t.Fatalf("%q became %q: %v, want %s", text, observed, got, want)
		}
	})
}

// TestLikenessFitsItsOwn holds a text that has lost its token against its own text and
// strangers'.
func TestLikenessFitsItsOwn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := words(8).Draw(t, "text") + " 123456"
		lost := strings.Replace(text, "123456", rapid.StringMatching(`[0-9]{6}|\*{6}|`).Draw(t, "instead"), 1)
		if !like(text, lost) {
			t.Fatalf("%q is not like %q", lost, text)
		}
		stranger := rapid.StringMatching(`[A-Z0-9 ]{20,160}`).Draw(t, "stranger")
		if like(text, stranger) {
			t.Fatalf("%q is like %q", stranger, text)
		}
	})
}

// TestTokens has one row a rule about where a token is seen.
func TestTokens(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text, token, expected string
		there, split                bool
	}{
		{"as it stands", "code 123456.", "123456", "code 123456.", true, false},
		{"behind a letter and a hyphen", "G-123456 is it", "123456", "", true, false},
		{"in a longer number", "call 49123456789", "123456", "code 123456", false, false},
		{"in a longer number, as it was sent", "ref X123456Y", "123456", "ref X123456Y", true, false},
		{"split by a blank", "code 123 456", "123456", "code 123456", true, true},
		{"split by a hyphen", "code 12-3456", "123456", "code 123456", true, true},
		{"split twice", "code 12 34 56", "123456", "code 123456", false, false},
		{"another one", "code 123457", "123456", "code 123456", false, false},
		{"in another case", "code abcdef", "ABCDEF", "code ABCDEF", false, false},
		{"no token", "code", "", "code", false, false},
	} {
		if there, split := holds(c.text, c.token, c.expected); there != c.there || split != c.split {
			t.Errorf("%s: %v %v", c.name, there, split)
		}
	}
	taken := map[string]bool{}
	for range 5000 {
		token := Token{Length: 4}.draw(func(s string) bool { return taken[s] })
		if taken[token] || len(token) != 4 || strings.Trim(token, digits) != "" {
			t.Fatalf("%q", token)
		}
		taken[token] = true
	}
}
