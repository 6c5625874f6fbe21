package requesttracker

import (
	"html/template"
	"net/http"
	"strconv"
)

const head = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{{.Title}}</title><style>
body{font:15px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color:#1d2330;background:#fff}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.35rem .75rem .35rem 0;vertical-align:top;border-bottom:1px solid #e3e6ec}
pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:.25rem 0;font:inherit}article{border-left:3px solid #b8c2d6;padding:.25rem 0 .25rem 1rem;margin:1rem 0}
.meta{color:#5b6476;font-size:.9em}.status{background:#e8edf7;border-radius:1em;padding:.1em .7em}
@media(prefers-color-scheme:dark){body{color:#dde2ec;background:#14171d}td,th{border-color:#2c313b}a{color:#8ab4ff}.status{background:#2a3242}.meta{color:#98a2b5}}
</style></head><body>`

// pages escape all that comes from tickets (html/template).
type pages struct{ ticket, list *template.Template }

func newPages() pages {
	return pages{
		ticket: template.Must(template.New("ticket").Parse(head + `
<p class="meta"><a href="/">All tickets</a></p>
<h1>#{{.Ticket.ID}}: {{.Ticket.Subject}}</h1>
<table><tr><th>Status</th><td><span class="status">{{.Ticket.Status}}</span></td></tr><tr><th>Queue</th><td>{{.Ticket.Queue}}</td></tr>
<tr><th>Requestors</th><td>{{range .Ticket.Requestors}}{{.}} {{end}}</td></tr>
{{range $name, $value := .Ticket.Fields}}<tr><th>{{$name}}</th><td>{{$value}}</td></tr>{{end}}</table>
<h2>History</h2>
{{range .Ticket.History}}{{if ne .Type "EmailRecord"}}<article><div class="meta">{{.Created.Format "2006-01-02 15:04:05"}} UTC, {{.Creator}}: {{.Type}}
{{- if .Field}} {{.Field}} from "{{.Old}}" to "{{.New}}"{{end}}</div>{{if .Content}}<pre>{{.Content}}</pre>{{end}}</article>{{end}}{{end}}</body></html>`)),
		list: template.Must(template.New("list").Parse(head + `
<h1>Request Tracker (emulated)</h1>
<table><tr><th>#</th><th>Subject</th><th>Queue</th><th>Status</th></tr>
{{range .Tickets}}<tr><td>{{.ID}}</td><td><a href="/Ticket/Display.html?id={{.ID}}">{{or .Subject "(no subject)"}}</a></td><td>{{.Queue}}</td><td><span class="status">{{.Status}}</span></td></tr>
{{else}}<tr><td colspan="4">No ticket yet.</td></tr>{{end}}</table></body></html>`)),
	}
}

func (s *Server) displayTicket(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(r.URL.Query().Get("id"))
	tickets := s.Tickets()
	if id < 1 || id > len(tickets) {
		guard(w)
		http.Error(w, "There is no such ticket.", http.StatusNotFound)
		return
	}
	t := tickets[id-1]
	render(w, newPages().ticket, map[string]any{"Title": "#" + strconv.Itoa(id) + ": " + t.Subject, "Ticket": t})
}

func (s *Server) displayList(w http.ResponseWriter, _ *http.Request) {
	tickets := s.Tickets()
	for i, j := 0, len(tickets)-1; i < j; i, j = i+1, j-1 {
		tickets[i], tickets[j] = tickets[j], tickets[i]
	}
	render(w, newPages().list, map[string]any{"Title": "Tickets", "Tickets": tickets})
}

// guard forbids scripts, frames and foreign sources, should anything ever get past the escaping.
func guard(w http.ResponseWriter) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "no-referrer")
}

func render(w http.ResponseWriter, page *template.Template, data any) {
	guard(w)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = page.Execute(w, data)
}
