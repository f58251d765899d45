package modem

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSlotUSB(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		slot         string
		devpath, hub string
		port         int
	}{
		{"1-1.4.3", "1-1.4.3", "1-1.4", 3},
		{"1-1.4.13:2", "1-1.4.13", "1-1.4", 13},
		{"2-1", "2-1", "usb2", 1},
		{"10-2.1", "10-2.1", "10-2", 1},
	} {
		devpath, hub, port, err := slotUSB(test.slot)
		if devpath != test.devpath || hub != test.hub || port != test.port || err != nil {
			t.Errorf("%s: got %s, %s, %d, %v", test.slot, devpath, hub, port, err)
		}
	}
	// None of these may become part of a path below /sys.
	for _, slot := range []string{"", "slot01", "ttyUSB3", "1-", "-1", "1-1.", "1-1..2", "1-../../x", "usb1", "1-1/2", "a-1", "platform-fe201000.serial"} {
		if devpath, _, _, err := slotUSB(slot); !errors.Is(err, errNoUSB) {
			t.Errorf("%q: got %q, %v", slot, devpath, err)
		}
	}
}

func TestSlotCompare(t *testing.T) {
	t.Parallel()
	want := []string{
		"1-1", "1-1.2", "1-1.9", "1-1.10", "1-1.10.1", "1-1:1", "1-1:10", "1-2", "2-1", "10-1",
		"slot1", "slot01", "slot2", "slot10", "ttyUSB3", "ttyUSB20",
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, slotCompare)
	// "slot1" and "slot01" count alike: the text decides, so that the order is one.
	want[10], want[11] = "slot01", "slot1"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestSlotCompareIsAnOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		slot := rapid.StringMatching(`[0-2]{0,3}[-.:a]?[0-2]{0,3}[-.:a]?[0-2]{0,2}`)
		a, b, c := slot.Draw(t, "a"), slot.Draw(t, "b"), slot.Draw(t, "c")
		if slotCompare(a, b) != -slotCompare(b, a) {
			t.Fatalf("%q, %q: not antisymmetric", a, b)
		}
		if (slotCompare(a, b) == 0) != (a == b) {
			t.Fatalf("%q, %q: equal in order only", a, b)
		}
		if slotCompare(a, b) <= 0 && slotCompare(b, c) <= 0 && slotCompare(a, c) > 0 {
			t.Fatalf("%q, %q, %q: not transitive", a, b, c)
		}
	})
}
