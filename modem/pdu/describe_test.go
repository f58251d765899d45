package pdu

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDescribe holds the JSON to the letter.
func TestDescribe(t *testing.T) {
	t.Parallel()
	hexed := func(raw []byte) string { return strings.ToUpper(hex.EncodeToString(raw)) }
	for name, tt := range map[string]struct{ in, want string }{
		"text": {
			hexed(gsm7PDU(0x10, []byte{elementConcat16, 4, 0, 1, 2, 1}, []byte("hi"))),
			`{"parse":"ok","type":"deliver","address":"+79001234567","text":"hi","timestamp":"2024-02-29T23:59:58+03:00",` +
				`"dcs":16,"alphabet":"gsm7","class":0,"concat":{"ref":1,"total":2,"seq":1,"bits":16}}`,
		},
		"empty text": {
			hexed(gsm7PDU(0, nil, nil)),
			`{"parse":"ok","type":"deliver","address":"+79001234567","text":"","timestamp":"2024-02-29T23:59:58+03:00","dcs":0,"alphabet":"gsm7"}`,
		},
		"data": {
			hexed(octetPDU(4, []byte{elementPorts8, 2, 1, 2}, []byte{0xAB})),
			`{"parse":"ok","type":"deliver","address":"+79001234567","data_hex":"AB","timestamp":"2024-02-29T23:59:58+03:00",` +
				`"dcs":4,"alphabet":"8bit","ports":{"dst":1,"src":2}}`,
		},
		"compressed": {
			hexed(octetPDU(0x20, nil, []byte{1})),
			`{"parse":"ok","type":"deliver","address":"+79001234567","data_hex":"01","timestamp":"2024-02-29T23:59:58+03:00",` +
				`"dcs":32,"alphabet":"gsm7","compressed":true}`,
		},
		"mailbox": {
			hexed(gsm7PDU(0xC0, []byte{elementWaiting, 2, 2, 5}, nil)),
			`{"parse":"ok","type":"deliver","address":"+79001234567","text":"","timestamp":"2024-02-29T23:59:58+03:00",` +
				`"dcs":192,"alphabet":"gsm7","mwi_set":true,"mwi_dont_store":true,"mwi_mailbox":"email","mwi_count":5}`,
		},
		"status report": {
			"0002000581" + "2143F5" + "42209232958500" + "FFFFFFFFFFFFFF" + "00",
			`{"parse":"ok","type":"status-report","address":"12345","timestamp":"2024-02-29T23:59:58+00:00","status":0,"mr":0,` +
				`"flaws":["unreadable time stamp"]}`,
		},
		"cut": {
			hexed(deliverPDU(8, nil, 6, units("hi"))),
			`{"parse":"error","error":"pdu: user data cut short","type":"deliver","address":"+79001234567","text":"hi",` +
				`"timestamp":"2024-02-29T23:59:58+03:00","dcs":8,"alphabet":"ucs2","flaws":["user data cut short"]}`,
		},
		"cut on its way": {
			hexed(deliverPDU(8, nil, 6, units("hi"))) + "0",
			`{"parse":"ok","type":"deliver","address":"+79001234567","text":"hi","timestamp":"2024-02-29T23:59:58+03:00",` +
				`"dcs":8,"alphabet":"ucs2","flaws":["half octet at the end","user data cut short"]}`,
		},
		"noise": {"no carrier", `{"parse":"error","error":"pdu: not hexadecimal"}`},
	} {
		got, err := json.Marshal(Describe(tt.in))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(got), tt.want); diff != "" {
			t.Errorf("%s (-got +want)\n%s", name, diff)
		}
	}
}
