package exim

// configuration is Exim's, with FOLDER, PASSWORD and MAXBYTES to be replaced.
const configuration = `
primary_hostname = mail.example.net
spool_directory = FOLDER/spool
log_file_path = FOLDER/log/%slog
pid_file_path = FOLDER/spool/pid
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s
deliver_drop_privilege = true
message_size_limit = MAXBYTES
tls_advertise_hosts = *
tls_certificate = FOLDER/ca.pem
tls_privatekey = FOLDER/key.pem
acl_smtp_mail = mail
acl_smtp_rcpt = rcpt
acl_smtp_data = data

begin acl

mail:
  warn  set acl_m_advice = ${readsocket{FOLDER/advice}{mail\n}{5s}{}{none}}
  defer condition = ${if eq{$acl_m_advice}{fail}}
        message = 451 4.3.0 Temporary system problem
  defer condition = ${if eq{$acl_m_advice}{throttle}}
        message = 450 4.7.1 Too much mail from this client
  deny  ! authenticated = *
        message = 530 5.7.0 Authentication required
  deny  ! condition = ${if eq{$sender_address}{fermata@example.net}}
        message = 553 5.7.1 This sender is not yours
  accept

rcpt:
  deny  ! verify = recipient
        message = 550 5.1.1 Unknown user
  accept

data:
  warn  set acl_m_advice = ${readsocket{FOLDER/advice}{data $sender_host_port\n}{5s}{}{none}}
  accept

begin routers

box:
  driver = accept
  domains = example.net
  local_parts = alice
  transport = box

begin transports

box:
  driver = appendfile
  directory = FOLDER/box/maildir
  maildir_format
  create_directory
  user = Debian-exim
  group = Debian-exim

begin authenticators

plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and {{eq{$auth2}{fermata}}{eq{$auth3}{PASSWORD}}}}
  server_set_id = $auth2
  server_advertise_condition = ${if def:tls_in_cipher}
`
