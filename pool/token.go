package pool

import (
	"crypto/rand"
	"strings"
)

const (
	digits   = "0123456789"
	capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// Bounds of tokens.
const (
	MinToken = 4
	MaxToken = 20
)

// placeholder stands for the token in a test's text.
const placeholder = "{token}"

// many is how many tokens there are of this form, as far as an int goes.
func (t Token) many() int {
	letters, n := len(digits), 1
	if t.Upper {
		letters = len(capitals)
	}
	for range min(t.Length, 6) {
		n *= letters
	}
	return n
}

// draw makes a token that no other item has. Letters that begin no word are not avoided:
// a token is read by machines.
func (t Token) draw(taken func(string) bool) string {
	alphabet := digits
	if t.Upper {
		alphabet = capitals
	}
	for {
		b := make([]byte, 0, t.Length)
		for len(b) < t.Length {
			var raw [32]byte
			rand.Read(raw[:])
			for _, c := range raw {
				// The largest multiple of the alphabet's length, so that no letter is likelier.
				if int(c) < 256/len(alphabet)*len(alphabet) && len(b) < t.Length {
					b = append(b, alphabet[int(c)%len(alphabet)])
				}
			}
		}
		if token := string(b); !taken(token) {
			return token
		}
	}
}

// holds says how a text has a token: as it stands, or split by one blank or hyphen. A
// token that is part of a longer word of its kind is not there, unless the expected
// text has it so.
func holds(text, token, expected string) (there, split bool) {
	if token == "" {
		return false, false
	}
	free := expected == "" || standsFree(expected, token)
	for at := 0; ; {
		i := strings.Index(text[at:], token)
		if i < 0 {
			break
		}
		if !free || bounded(text, at+i, at+i+len(token)) {
			return true, false
		}
		at += i + 1
	}
	for cut := 1; cut < len(token); cut++ {
		for _, by := range []string{" ", "-"} {
			parts := token[:cut] + by + token[cut:]
			if i := strings.Index(text, parts); i >= 0 && bounded(text, i, i+len(parts)) {
				return true, true
			}
		}
	}
	return false, false
}

func standsFree(text, token string) bool {
	i := strings.Index(text, token)
	return i >= 0 && bounded(text, i, i+len(token))
}

// bounded says whether neither side of a span goes on with a letter or digit of the
// basic alphabet.
func bounded(text string, from, to int) bool {
	word := func(c byte) bool {
		return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
	}
	return (from == 0 || !word(text[from-1])) && (to == len(text) || !word(text[to]))
}
