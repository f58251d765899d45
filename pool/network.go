package pool

import (
	_ "embed" // tables of countries and networks
	"strings"
)

//go:embed mcc.csv
var mccTable string

//go:embed plmn.csv
var plmnTable string

// Networks knows countries and networks by their codes. It is made once and does not change.
type Networks struct {
	countries map[string]string // MCC
	names     map[string]string // PLMN
}

// LoadNetworks reads the tables that are built in: ISO 3166 codes by MCC, and the names
// of networks from the public-domain provider list.
func LoadNetworks() *Networks {
	n := &Networks{countries: map[string]string{}, names: map[string]string{}}
	for row := range strings.Lines(mccTable) {
		if mcc, iso, ok := strings.Cut(strings.TrimSpace(row), ","); ok && mcc != "mcc" {
			n.countries[mcc] = iso
		}
	}
	for row := range strings.Lines(plmnTable) {
		f := strings.SplitN(strings.TrimSpace(row), ",", 3)
		if len(f) == 3 && f[0] != "plmn" {
			n.names[f[0]] = strings.Trim(f[2], `"`)
		}
	}
	return n
}

// Country is the ISO 3166 code of an MCC, its three digits where it has none.
func (n *Networks) Country(mcc string) string {
	if iso := n.countries[mcc]; iso != "" {
		return iso
	}
	return mcc
}

// Region is the ISO 3166 code of an MCC; empty where it has none.
func (n *Networks) Region(mcc string) string { return n.countries[mcc] }

// Home is the network that an IMSI belongs to (3GPP TS 23.003 clause 2.2): the longest
// code of the table that it begins with, six digits before five.
func (n *Networks) Home(imsi string) (country, plmn, name string) {
	if len(imsi) < 6 {
		return "", "", ""
	}
	for _, digits := range [...]int{6, 5} {
		if name, ok := n.names[imsi[:digits]]; ok {
			return n.Country(imsi[:3]), imsi[:digits], name
		}
	}
	return n.Country(imsi[:3]), imsi[:5], ""
}
