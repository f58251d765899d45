package admin

import (
	"bytes"
	_ "embed" // the page
	"html/template"
	"net/http"
)

//go:embed page.html
var pageText string

// page shows modems and destinations as plain HTML. It makes no other request.
func (h *Handler) page(w http.ResponseWriter, _ *http.Request) {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		http.Error(w, "the page is broken", http.StatusInternalServerError)
		return
	}
	var view struct {
		Version      string
		Alarms       []AlarmRow
		Modems       []ModemRow
		Destinations []DestinationRow
	}
	view.Version = h.o.Version
	for _, a := range h.o.Pool.Alarms() {
		view.Alarms = append(view.Alarms, alarmRow(&a))
	}
	for _, m := range h.o.Pool.Modems() {
		view.Modems = append(view.Modems, modemRow(&m))
	}
	for _, d := range h.o.Forward.Status() {
		view.Destinations = append(view.Destinations, destinationRow(&d))
	}
	var buf bytes.Buffer
	if err := t.Execute(&buf, view); err != nil {
		http.Error(w, "the page is broken", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(buf.Bytes()) // the client may have gone
}
