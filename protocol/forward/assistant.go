package forward

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/eclipse/paho.golang/autopaho"

	"modemgate/pool"
)

// Home Assistant's MQTT discovery: an entity of events, one for the signal and one for
// the state of each card (https://www.home-assistant.io/integrations/mqtt/).

const (
	assistantStatus = "homeassistant/status"
	assistantEvery  = 10 * time.Second // how often the cards are looked at
)

// Card is a card as Home Assistant is told of it.
type Card struct {
	ICCID, Name  string
	State        string // of its modem; empty: it is in none
	SignalDBm    int    // 0: not known
	Manufacturer string
	Model        string
}

func (m *mqttSender) announceSoon() {
	select {
	case m.announce <- struct{}{}:
	default:
	}
}

// keepAnnounced keeps what Home Assistant knows true, until ctx ends.
func (m *mqttSender) keepAnnounced(ctx context.Context, conn *autopaho.ConnectionManager) {
	told := map[string]string{} // payload by topic
	tick := time.NewTicker(assistantEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-m.announce:
			clear(told)
		}
		now := m.announcements()
		for topic := range told {
			if _, ok := now[topic]; !ok {
				now[topic] = "" // of a card that is no longer known: an empty one takes it back
			}
		}
		for topic, payload := range now {
			if was, ok := told[topic]; ok && was == payload {
				continue
			}
			limit, cancel := context.WithTimeout(ctx, m.o.Timeout)
			err := m.retain(limit, conn, topic, payload)
			cancel()
			if err != nil {
				break // the rest comes with the next connection
			}
			if told[topic] = payload; payload == "" {
				delete(told, topic)
			}
		}
	}
}

// announcements are all retained topics of the cards.
func (m *mqttSender) announcements() map[string]string {
	out := map[string]string{}
	put := func(topic string, v map[string]any) {
		if text, err := json.Marshal(v); err == nil { // of strings alone: never fails
			out[topic] = string(text)
		}
	}
	for _, c := range m.o.Discovery() {
		id := "modemgate_" + identifier(c.ICCID)
		base := "modemgate/" + level(m.o.Host) + "/card/" + level(c.Name)
		device := map[string]any{"identifiers": []string{id}, "name": c.Name, "manufacturer": firstOf(c.Manufacturer, "modemgate"), "model": firstOf(c.Model, "SIM card")}
		entity := func(name, kind string) map[string]any {
			return map[string]any{"name": name, "unique_id": id + "_" + kind, "availability_topic": m.status, "device": device}
		}
		events := entity("Messages and calls", "event")
		topic, err := m.o.Topic.execute(view{Host: level(m.o.Host), Sim: level(c.Name), Type: "+"})
		if err == nil {
			events["state_topic"] = topic
			events["event_types"] = pool.EventTypes()
			// The entity wants event_type, our body says type.
			events["value_template"] = "{{ {'event_type': value_json.type, 'from': value_json.data.from, 'text': value_json.data.text} | to_json }}"
			put("homeassistant/event/"+id+"/config", events)
		}
		signal := entity("Signal", "signal")
		signal["state_topic"], signal["device_class"], signal["unit_of_measurement"], signal["state_class"] = base+"/signal", "signal_strength", "dBm", "measurement"
		put("homeassistant/sensor/"+id+"_signal/config", signal)
		state := entity("State", "state")
		state["state_topic"] = base + "/state"
		put("homeassistant/sensor/"+id+"_state/config", state)
		out[base+"/state"] = firstOf(c.State, "in no modem")
		if c.SignalDBm != 0 {
			out[base+"/signal"] = strconv.Itoa(c.SignalDBm)
		}
	}
	return out
}

// identifier keeps letters and digits, as object ids may have them.
func identifier(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, s)
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
