package haproxy

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const stateHeader = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight " +
	"srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state " +
	"bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n"

const statHeader = "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act," +
	"bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,check_status," +
	"check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,req_rate,req_rate_max,req_tot," +
	"cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,lastsess,last_chk,last_agt,qtime,ctime,rtime,ttime,agent_status," +
	"agent_code,agent_duration,check_desc,agent_desc,check_rise,check_fall,check_health,agent_rise,agent_fall,agent_health," +
	"addr,cookie,mode,algo,"

func (b *Balancer) showInfo([]string) string {
	up := int(time.Since(b.started).Seconds())
	return fmt.Sprintf("Name: HAProxy\nVersion: %s\nNbthread: 1\nNbproc: 1\nProcess_num: 1\nPid: 1\nUptime_sec: %d\n", Version, up)
}

func (b *Balancer) showBackend([]string) string {
	var out strings.Builder
	out.WriteString("# name\n")
	for _, be := range b.backends {
		out.WriteString(be.name + "\n")
	}
	return out.String()
}

// chosen are the backends that an optional argument names.
func (b *Balancer) chosen(args []string) ([]*backend, string) {
	if len(args) == 0 {
		return b.backends, ""
	}
	if be := b.find(args[0]); be != nil {
		return []*backend{be}, ""
	}
	return nil, "Can't find backend.\n"
}

func (b *Balancer) showState(args []string) string {
	chosen, refusal := b.chosen(args)
	if refusal != "" {
		return refusal
	}
	var out strings.Builder
	out.WriteString(stateHeader)
	for _, be := range chosen {
		for _, s := range be.servers {
			op, forced := 0, 0
			if s.running {
				op = 2
			}
			if s.forced {
				forced = 1
			}
			fmt.Fprintf(&out, "%d %s %d %s %s %d %d %d %d %d %d %d %d %d 0 0 %d - %d - 0 0 - - 0\n",
				be.id, be.name, s.id, s.name, s.addr, op, s.admin, s.uweight, s.weight, int(time.Since(s.changed).Seconds()),
				s.last.status, s.last.result, s.health, s.checkState(), forced, s.port)
		}
	}
	return out.String()
}

// checkState is srv_check_state: 2 configured, 4 enabled, 8 paused.
func (s *server) checkState() int {
	bits := 0
	if s.check {
		bits |= 2
	}
	if s.checking {
		bits |= 4
		if s.maint() {
			bits |= 8
		}
	}
	return bits
}

func (b *Balancer) showConn(args []string) string {
	chosen, refusal := b.chosen(args)
	if refusal != "" {
		return refusal
	}
	var out strings.Builder
	out.WriteString("# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[1]\n")
	for _, be := range chosen {
		for _, s := range be.servers {
			fmt.Fprintf(&out, "%s/%s %d/%d %s %d - 5000 %d %d 0 0 0 -1 0 0\n", be.name, s.name, be.id, s.id, s.addr, s.port, s.sessions, s.sessions)
		}
	}
	return out.String()
}

// showStat takes the optional arguments <proxy> <type> <server id>; type 4 means servers.
func (b *Balancer) showStat(args []string) string {
	chosen := b.backends
	if len(args) == 3 {
		be := b.find(args[0])
		if be == nil {
			return "No such proxy.\n"
		}
		chosen = []*backend{be}
	}
	var out strings.Builder
	out.WriteString(statHeader + "\n")
	columns := strings.Split(strings.TrimPrefix(statHeader, "# "), ",")
	for _, be := range chosen {
		up := "DOWN"
		for _, s := range be.servers {
			writeRow(&out, columns, s.stat())
			if s.running && !s.maint() && !s.draining() {
				up = "UP"
			}
		}
		if len(args) != 3 || args[1] != "4" {
			writeRow(&out, columns, map[string]string{"pxname": be.name, "svname": "BACKEND", "scur": "0", "status": up, "type": "1", "mode": be.settings.mode})
		}
	}
	return out.String()
}

func writeRow(out *strings.Builder, columns []string, values map[string]string) {
	for _, column := range columns {
		if column == "" {
			continue
		}
		out.WriteString(values[column] + ",")
	}
	out.WriteString("\n")
}

func (s *server) stat() map[string]string {
	row := map[string]string{
		"pxname": s.backend.name, "svname": s.name, "qcur": "0", "scur": strconv.Itoa(s.sessions), "stot": strconv.Itoa(s.served),
		"status": s.status(), "weight": strconv.Itoa(s.uweight), "lastchg": strconv.Itoa(int(time.Since(s.changed).Seconds())),
		"pid": "1", "iid": strconv.Itoa(s.backend.id), "sid": strconv.Itoa(s.id), "type": "2", "addr": s.address(), "mode": s.backend.settings.mode,
	}
	if s.checking && !s.maint() {
		row["check_status"], row["check_desc"], row["last_chk"] = s.last.code, s.last.desc, s.last.info
		row["check_duration"] = strconv.Itoa(int(s.last.duration.Milliseconds()))
		if s.last.http != 0 {
			row["check_code"] = strconv.Itoa(s.last.http)
		}
	}
	return row
}

func (s *server) status() string {
	switch {
	case s.maint():
		return "MAINT"
	case !s.check || !s.checking:
		if s.draining() {
			return "DRAIN"
		}
		return "no check"
	case !s.running:
		if s.health > 0 {
			return fmt.Sprintf("DOWN %d/%d", s.health, s.rise)
		}
		return "DOWN"
	case s.draining():
		return "DRAIN"
	case s.health < s.rise+s.fall-1:
		return fmt.Sprintf("UP %d/%d", s.health-s.rise+1, s.fall)
	}
	return "UP"
}
