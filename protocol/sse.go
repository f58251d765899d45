package protocol

import (
	"net/http"
	"strings"
	"time"
)

// Times of event streams.
const (
	StreamComment  = 15 * time.Second // a stream on which nothing is sent for so long gets a comment
	streamPatience = 10 * time.Second // for a client to take what it is sent
)

// EventStream writes server-sent events to one client (WHATWG HTML, section 9.2). One
// goroutine uses it.
type EventStream struct {
	w http.ResponseWriter
	c *http.ResponseController
}

// NewEventStream answers with the head of a stream. The error means that the client has gone.
func NewEventStream(w http.ResponseWriter) (*EventStream, error) {
	s := &EventStream{w: w, c: http.NewResponseController(w)}
	_ = s.c.SetReadDeadline(time.Time{}) // where it can't be set there is none
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // of nginx
	return s, s.Comment()
}

// Comment sends an empty comment, which keeps proxies from closing the connection.
func (s *EventStream) Comment() error { return s.put(":\n\n") }

// Send sends one event. id and name may be empty; data has no line end.
func (s *EventStream) Send(id, name string, data []byte) error {
	var b strings.Builder
	if id != "" {
		b.WriteString("id: " + id + "\n")
	}
	if name != "" {
		b.WriteString("event: " + name + "\n")
	}
	b.WriteString("data: ")
	b.Write(data)
	b.WriteString("\n\n")
	return s.put(b.String())
}

func (s *EventStream) put(text string) error {
	_ = s.c.SetWriteDeadline(time.Now().Add(streamPatience)) // where it can't be set there is none
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.c.Flush()
}
