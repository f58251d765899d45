package cli

import (
	"encoding/xml"
	"fmt"
	"io"
	"time"

	"modemgate/admin"
	"modemgate/pool"
)

// junitSuite is a delivery test as the JUnit XML that CI systems read.
type junitSuite struct {
	XMLName   xml.Name    `xml:"testsuite"`
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Timestamp string      `xml:"timestamp,attr"`
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string     `xml:"name,attr"`
	Class   string     `xml:"classname,attr"`
	Time    string     `xml:"time,attr"`
	Failure *junitNote `xml:"failure,omitempty"`
	Error   *junitNote `xml:"error,omitempty"`
	Skipped *junitNote `xml:"skipped,omitempty"`
	Out     string     `xml:"system-out,omitempty"`
}

type junitNote struct {
	Message string `xml:"message,attr"`
}

// writeJUnit writes a test. What failed is a failure, what is inconclusive an error: nothing
// was learnt of the sender.
func writeJUnit(w io.Writer, t *admin.TestRow) error {
	s := junitSuite{Name: "modemgate " + t.ID, Tests: len(t.Items), Timestamp: time.Time(t.CreatedAt).UTC().Format("2006-01-02T15:04:05")}
	for n := range t.Items {
		i := &t.Items[n]
		c := junitCase{Name: i.Number, Class: "modemgate." + or(i.Country) + "." + or(i.Operator), Time: "0"}
		if i.Latency != nil {
			c.Time = fmt.Sprintf("%.3f", *i.Latency)
		}
		verdict := or(i.Verdict)
		note := &junitNote{verdict + ": " + cameAfter(i) + "; " + differs(i)}
		switch pool.Verdict(verdict) {
		case pool.VerdictFailed:
			c.Failure = note
			s.Failures++
		case pool.VerdictInconclusive:
			c.Error = note
			s.Errors++
		case pool.VerdictSkipped:
			c.Skipped = note
			s.Skipped++
		default:
			c.Out = note.Message
		}
		s.Cases = append(s.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
