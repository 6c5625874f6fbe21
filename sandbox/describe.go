package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"text/template"

	"fermata/sandbox/certificates"
	"fermata/sandbox/estate"
	"fermata/sandbox/keep"
)

// installation is the description that fermata and fermata-worker read. Ports may change from start to start, so it is
// written anew each time; what a person adds belongs into a copy.
const installation = `# Written by fermata-sandbox at each start. Copy it before you change it.
apiVersion: fermata/v1
kind: Installation
metadata:
  name: sandbox
spec:
  temporal:
    address: {{ .Temporal }}
    namespace: {{ .Namespace }}
    tls: {ca: {{ .TLS.Authority }}, cert: {{ .TLS.Certificate }}, key: {{ .TLS.Key }}}
  encryption:
    active: {{ .KeyID }}
    keys:
      - id: {{ .KeyID }}
        secret: secret://file/payload-key
  decisions:
    allowedSigners: people/allowed_signers
{{- if .Policy }}
    policy: {{ .Policy }}
{{- end }}
  secrets:
    file:
      folder: secrets
    age:
      file: {{ .AgeFile }}
      identity: {{ .AgeIdentity }}
      writable: true
      recipients: ["{{ .AgeRecipient }}"]
  records:
    folder: records
  ranges:
    - name: servers
      prefix: 10.20.0.0/24
      first: 10.20.0.100
      last: 10.20.0.199
      gateway: 10.20.0.1
      nameservers: [10.20.0.53]
      domain: estate.test
    - name: small
      prefix: 10.20.0.0/24
      first: 10.20.0.201
      last: 10.20.0.204
      exclude: [10.20.0.202]
      gateway: 10.20.0.1
      domain: estate.test
  systems:
    - name: vcenter
      type: vsphere
      config:
        url: {{ .VCenter }}
        username: {{ .VCenterUser }}
        password: secret://file/vcenter-password
        caFile: {{ .CAFile }}
        wait: {address: 2m, shutdown: 10s}
    - name: guests
      type: linux
      config:
        key: secret://file/worker-key
        jump: {{ .Jump }}
    - name: edge
      type: nftables
      config:
        ssh:
          address: {{ .Edge }}:22
          user: {{ .HostUser }}
          key: secret://file/worker-key
          hostKeys: [{{ range .EdgeKeys }}"{{ . }}", {{ end }}]
          jump: {{ .Jump }}
        sudo: true
    - name: balancer
      type: haproxy
      config:
        ssh:
          address: {{ .Balancer }}:22
          user: {{ .HostUser }}
          key: secret://file/worker-key
          hostKeys: [{{ range .BalancerKeys }}"{{ . }}", {{ end }}]
          jump: {{ .Jump }}
        socket: {{ .Socket }}
        sudo: true
    - name: tickets
      type: requesttracker
      config:
        url: {{ .Tickets }}
        token: secret://file/tickets-token
        queue: {{ .Queue }}
    - name: mail
      type: smtp
      config:
        server: {{ .Mail }}
        from: {{ .MailFrom }}
        ca: {{ .MailCA }}
        username: {{ .MailUser }}
        password: secret://file/mail-password
    - name: hooks
      type: webhook
      config:
        url: {{ .Hooks }}
        secret: secret://file/hooks-secret
        http: {ca: {{ .HooksCA }}, proxy: none}
    - name: names
      type: powerdns
      config:
        url: {{ .Names }}
        key: secret://file/names-key
        nameserver: {{ .Nameserver }}
        http: {ca: {{ .NamesCA }}, proxy: none}
    - name: cloud
      type: openstack
      config:
        url: {{ .Cloud }}
        region: {{ .CloudRegion }}
        username: {{ .CloudUser }}
        password: secret://file/cloud-password
        project: {{ .CloudProject }}
        access: {from: ["{{ .WorkerNetwork }}"]}
        poll: 200ms
        http: {ca: {{ .CloudCA }}, proxy: none}
    - name: staff
      type: ldap
      config:
        url: {{ .Staff }}
        ca: {{ .StaffCA }}
        bind: "{{ .StaffAdmin }}"
        password: secret://file/staff-password
        accounts: "{{ .StaffPeople }}"
        groups: {base: "{{ .StaffGroups }}"}
        disable: {policy: "{{ .StaffPolicy }}"}
    - name: database
      type: mariadb
      config:
        address: {{ .Database }}
        endpoint: {{ .DatabaseEndpoint }}
        user: {{ .DatabaseUser }}
        password: secret://file/database-password
        ca: {{ .DatabaseCA }}
        vendor: mysql
        archives: archives
    - name: web
      type: http
      config:
        jump: {{ .JumpWithKey }}
`

// describe writes the description of the installation that the sandbox is: for people, and for workers. They differ in the
// certificate, as those on different machines would.
func (s *Sandbox) describe(_ context.Context, secrets *secretFiles) (err error) {
	if s.Config, err = s.description("fermata.yaml", s.certificates.Operator, secrets); err != nil {
		return err
	}
	s.WorkerConfig, err = s.description("fermata-worker.yaml", s.certificates.Worker, secrets)
	return err
}

func (s *Sandbox) description(name string, certificate certificates.Pair, secrets *secretFiles) (string, error) {
	jump := fmt.Sprintf("{address: %q, user: %s, hostKeys: [%q]", s.Estate.Bastion.Addr(), "worker", s.Estate.Bastion.HostKey())
	var b bytes.Buffer
	err := template.Must(template.New("installation").Parse(installation)).Execute(&b, map[string]any{
		"Policy":   map[bool]string{true: policyFile}[s.o.Policy != ""],
		"Temporal": s.temporal, "TLS": certificate, "Namespace": Namespace, "KeyID": KeyID,
		"VCenter": s.Estate.VCenter.URL(), "VCenterUser": estate.VCenterUser, "CAFile": s.Estate.VCenter.CAFile(),
		"Jump": jump + "}", "JumpWithKey": jump + `, key: "secret://file/worker-key"}`,
		"Edge": estate.EdgeAddress, "EdgeKeys": s.Estate.Edge.HostKeys(), "HostUser": estate.HostUser,
		"Balancer": estate.BalancerAddress, "BalancerKeys": s.Estate.Balancer.HostKeys(), "Socket": estate.BalancerSocket,
		"Tickets": s.Estate.Tickets.URL(), "Queue": estate.Queue,
		"Mail": s.Estate.Mail.Address(), "MailFrom": estate.MailFrom, "MailUser": estate.MailUser, "MailCA": s.Estate.Mail.CAFile(),
		"Hooks": s.Estate.Hooks.URL(), "HooksCA": s.Estate.Hooks.CAFile(),
		"AgeFile": ageName, "AgeIdentity": ageIdentity, "AgeRecipient": secrets.ageRecipient,
		"Cloud": s.Estate.Cloud.URL(), "CloudRegion": estate.CloudRegion, "CloudUser": estate.CloudUser, "CloudProject": estate.CloudProject,
		"CloudCA": s.Estate.Cloud.CAFile(), "WorkerNetwork": estate.WorkerNetwork,
		"Staff": s.Estate.Staff.URL(), "StaffCA": s.Estate.StaffCA(), "StaffAdmin": estate.StaffAdmin,
		"StaffPeople": s.Estate.Staff.People(), "StaffGroups": s.Estate.Staff.Groups(), "StaffPolicy": s.Estate.Staff.Policy(),
		"Database": s.Estate.Database.Address(), "DatabaseEndpoint": estate.DatabaseEndpoint(), "DatabaseUser": estate.DatabaseUser,
		"DatabaseCA": s.Estate.DatabaseCA(),
		"Names":      s.Estate.Names.URL(), "NamesCA": s.Estate.NamesCA(), "Nameserver": s.Estate.Names.Nameserver(),
	})
	if err != nil {
		return "", fmt.Errorf("describing the installation: %w", err)
	}
	path, err := filepath.Abs(s.folder(name))
	if err != nil {
		return "", fmt.Errorf("describing the installation: %w", err)
	}
	return path, keep.Replace(path, b.Bytes())
}
