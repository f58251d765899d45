package modem

import "slices"

// portRule picks the AT port among the ttys of one USB device. Those it does not pick
// are never opened: writing to a diagnostic or GPS port can hang a modem.
type portRule struct {
	vendor     uint16
	products   []uint16 // nil: every product of the vendor
	interfaces []int    // bInterfaceNumber, best first
	protocols  []int    // bInterfaceProtocol of a vendor-specific interface, best first; used when interfaces is nil
	avoid      []int    // bInterfaceProtocol that is not even probed when no rule picks a port
}

// portRules in the order in which they are asked: an earlier one wins.
func portRules() []portRule {
	return []portRule{
		{vendor: 0x1e0e, products: []uint16{0x9011}, interfaces: []int{4}},
		{vendor: 0x1e0e, products: []uint16{0x9001, 0x9205, 0x9206}, interfaces: []int{2}},
		{vendor: 0x1e0e, products: []uint16{0x9100, 0x9200}, interfaces: []int{3}},
		{vendor: 0x2c7c, interfaces: []int{2}},
		// Huawei's PCUI is protocol 02, on newer sticks 0x12; 05 and 14 are GPS.
		{vendor: 0x12d1, protocols: []int{0x02, 0x12}, avoid: []int{0x05, 0x14}},
		{vendor: 0x12d1, products: []uint16{0x1001}, interfaces: []int{2}},
		{vendor: 0x12d1, products: []uint16{0x140c}, interfaces: []int{3}},
		{vendor: 0x12d1, products: []uint16{0x1436, 0x14ac}, interfaces: []int{4}},
	}
}

// matches says whether the rule is about the device.
func (r *portRule) matches(id USBID) bool {
	return r.vendor == id.Vendor && (r.products == nil || slices.Contains(r.products, id.Product))
}
