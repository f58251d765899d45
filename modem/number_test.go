package modem

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNormalize(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ number, region, want string }{
		{"+79281234567", "RU", "+79281234567"},
		{"+79281234567", "", "+79281234567"},
		{"+7 (928) 123-45-67", "RU", "+79281234567"},
		{"  +7.928.123.45.67 ", "RU", "+79281234567"},
		{"+7\u00a0928\u00a01234567", "RU", "+79281234567"},
		{"0079281234567", "RU", "+79281234567"},
		{"0044 7400 123456", "", "+447400123456"},
		{"+44 (0)7400 123456", "", "+447400123456"},
		{"+7 200 0000000", "", "+72000000000"}, // a range that the tables do not have
		{"89281234567", "RU", "+79281234567"},  // trunk prefix
		{"79281234567", "RU", "+79281234567"},  // international without "+"
		{"9281234567", "RU", "+79281234567"},
		{"9281234567", "ru", "+79281234567"},
		{"07400123456", "GB", "+447400123456"},
		{"7400123456", "GB", "+447400123456"},
		{"447400123456", "GB", "+447400123456"},
		{"600000001", "ES", "+34600000001"},
		{"+34600000001", "RU", "+34600000001"}, // a SIM from elsewhere
		{"312 345 6789", "IT", "+393123456789"},
		{"0612345678", "FR", "+33612345678"},
		{"0501234567", "UA", "+380501234567"},
		{"87011234567", "KZ", "+77011234567"},
		{"08123456789", "ID", "+628123456789"},
		{"2015550123", "US", "+12015550123"},
		{"+8613812345678", "CN", "+8613812345678"},
		{"+79990000000", "RU", "+79990000000"},
	} {
		got, err := Normalize(test.number, test.region)
		if got != test.want || err != nil {
			t.Errorf("Normalize(%q, %q) = %q, %v, want %q", test.number, test.region, got, err, test.want)
		}
	}
}

func TestNormalizeRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ number, region string }{
		{"", "RU"},
		{"   ", "RU"},
		{"+", "RU"},
		{"00", "RU"},
		{"++79281234567", "RU"},
		{"7928+1234567", "RU"},
		{"9281234567", ""},   // national, country unknown
		{"9281234567", "ZZ"}, // no such country
		{"1234567", "RU"},    // too short for a subscriber
		{"*100#", "RU"},
		{"+1800FLOWERS", "US"}, // letters are not keys here
		{"MTS", "RU"},
		{"+7913913ABCA", "RU"},
		{"+79281234567890123", "RU"}, // longer than E.164
		{strings.Repeat("9", 1000), "RU"},
		{"+999123456789", "RU"}, // no such country code
		{"+7928", "RU"},
		{"+98000000", "IR"},  // would lose a zero at each reading
		{"١٢٣٤٥٦٧٨٩٠", "EG"}, // no modem answers in these
		{"+7928123\x00567", "RU"},
	} {
		got, err := Normalize(test.number, test.region)
		if !errors.Is(err, errNumber) || got != "" {
			t.Errorf("Normalize(%q, %q) = %q, %v", test.number, test.region, got, err)
			continue
		}
		if digits := strings.Trim(test.number, "+ 0"); len(digits) > 4 && strings.Contains(err.Error(), digits) {
			t.Errorf("error shows the number: %v", err)
		}
	}
}

// What comes out reads as itself, wherever the SIM is from.
func TestNormalizeIsStable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.StringMatching(`(\+|00|8|0)?[0-9 ()-]{5,16}`).Draw(t, "number")
		region := rapid.SampledFrom([]string{"", "RU", "GB", "US", "IT", "ID", "CN", "KZ"}).Draw(t, "region")
		e164, err := Normalize(number, region)
		if err != nil {
			return
		}
		if again, err := Normalize(e164, ""); again != e164 || err != nil {
			t.Fatalf("%q in %q is %q, which is %q, %v", number, region, e164, again, err)
		}
	})
}

func TestNumberMCC(t *testing.T) {
	t.Parallel()
	for imsi, want := range map[string]string{
		"250991234567890": "250", "310260123456789": "310", "001010": "001",
		"": "", "250": "", "25099": "", "2509912345678901": "", "25O991234567890": "", "+25099123456789": "",
	} {
		if got := numberMCC(imsi); got != want {
			t.Errorf("numberMCC(%q) = %q, want %q", imsi, got, want)
		}
	}
}
