package pool

import "time"

// AlarmName is a closed list of what can be wrong.
type AlarmName string

// Alarm is something wrong that has begun or ended.
type Alarm struct {
	Name    AlarmName `json:"alarm"`
	Subject string    `json:"subject,omitempty"` // destination or slot that it is about
	Raised  bool      `json:"raised"`
	Detail  string    `json:"detail"`
	Since   time.Time `json:"since"`
}
