package pool

import (
	"slices"
	"strings"
	"time"
)

// AlarmName is a closed list of what can be wrong.
type AlarmName string

// Names of alarms.
const (
	DestinationDown   AlarmName = "destination_down"
	DestinationPaused AlarmName = "destination_paused"
	DeliveryGivenUp   AlarmName = "delivery_given_up"
	OutboxOld         AlarmName = "outbox_old"
	StoreError        AlarmName = "store_error"
	NoRoomLeft        AlarmName = "no_room"
	DiskLow           AlarmName = "disk_low"
	BackupFailed      AlarmName = "backup_failed"
	SIMStorageHigh    AlarmName = "sim_storage_high"
	ModemFailed       AlarmName = "modem_failed"
	NoModem           AlarmName = "no_modem"
	DuplicateNumbers  AlarmName = "duplicate_number"
	IMEIChanged       AlarmName = "imei_changed"
	ClockUnsynced     AlarmName = "clock_unsynchronised"
	TokenFailures     AlarmName = "token_failures"
	AuditBroken       AlarmName = "audit_broken"
	BalanceLow        AlarmName = "balance_low"
	ConfigRefused     AlarmName = "config_refused"
)

// AlarmNames lists every alarm, for metrics.
func AlarmNames() []AlarmName {
	return []AlarmName{
		DestinationDown, DestinationPaused, DeliveryGivenUp, OutboxOld, StoreError, NoRoomLeft, DiskLow, BackupFailed, SIMStorageHigh,
		ModemFailed, NoModem, DuplicateNumbers, IMEIChanged, ClockUnsynced, TokenFailures, AuditBroken, BalanceLow, ConfigRefused,
	}
}

// Condition is something that is wrong now.
type Condition struct {
	Name    AlarmName
	Subject string // destination, slot or card that it is about; empty: the box
	Detail  string // for a person; no text, no number, no secret
}

// Alarm is something wrong that has begun or ended, as it is kept.
type Alarm struct {
	Name    AlarmName `json:"alarm"`
	Subject string    `json:"subject,omitempty"`
	Raised  bool      `json:"raised"`
	Detail  string    `json:"detail"`
	Since   time.Time `json:"since"` // when it was raised
}

type alarmKey struct {
	name    AlarmName
	subject string
}

// raised is an alarm with when its condition was last seen.
type raised struct {
	Alarm
	seen time.Time
}

// calm is how long a condition must be gone before its alarm is cleared: one that comes
// and goes is one alarm.
const calm = 15 * time.Second

// SetConditions takes everything that is wrong now: what is new is raised, what has been
// gone for a while is cleared, each with its event.
func (p *Pool) SetConditions(list []Condition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, c := range list {
		key := alarmKey{c.Name, c.Subject}
		if r := p.alarms[key]; r != nil {
			r.Detail, r.seen = c.Detail, now
			continue
		}
		r := &raised{Alarm{Name: c.Name, Subject: c.Subject, Raised: true, Detail: c.Detail, Since: now.UTC().Round(0)}, now}
		p.alarms[key] = r
		p.tellAlarm(r.Alarm, AlarmRaised, now)
	}
	for key, r := range p.alarms {
		if now.Sub(r.seen) < calm {
			continue
		}
		delete(p.alarms, key)
		r.Raised = false
		p.tellAlarm(r.Alarm, AlarmCleared, now)
	}
}

func (p *Pool) tellAlarm(a Alarm, kind EventType, now time.Time) {
	p.tell(Event{ID: p.draw(), Type: kind, At: now.UTC().Round(0), Alarm: &a}, &Change{Alarms: []Alarm{a}}, "")
}

// Alarms lists what is wrong, by name and subject.
func (p *Pool) Alarms() []Alarm {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Alarm, 0, len(p.alarms))
	for _, r := range p.alarms {
		out = append(out, r.Alarm)
	}
	slices.SortFunc(out, func(a, b Alarm) int {
		return strings.Compare(string(a.Name)+" "+a.Subject, string(b.Name)+" "+b.Subject)
	})
	return out
}

// Duplicates lists the slots of the cards of each number that several claim.
func (p *Pool) Duplicates() (out [][]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	by := map[string][]string{}
	for _, s := range p.sims {
		if s.number != "" && p.claims(s.number) > 1 && p.claimsIt(s) {
			place := s.slot
			if place == "" {
				place = "in no modem"
			}
			by[s.number] = append(by[s.number], place)
		}
	}
	for _, slots := range by {
		slices.Sort(slots)
		out = append(out, slots)
	}
	slices.SortFunc(out, func(a, b []string) int { return slices.Compare(a, b) })
	return out
}
