"""What the lab's servers offer: nginx, sshd, vsftpd, dnsmasq, iperf3, redis, a syslog sink; all Debian's own programs.

Each server runs inside its host's namespace with a private mount namespace: the accounts of the lab (alice, bob, backup) and its
PAM rules lie over /etc there and nowhere else, and /run is empty.
"""
import os
import secrets
import subprocess
import time

from net import LabError, sh

# A private /etc/passwd, shadow, group, PAM and /run, then the program.
WRAP = """
mount -t tmpfs tmpfs /run && mkdir -p /run/sshd /run/vsftpd/empty /run/dnsmasq || exit 97
mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/shadow" /etc/shadow && mount --bind "$0/group" /etc/group || exit 98
for service in sshd vsftpd; do mount --bind "$0/pam" /etc/pam.d/$service || exit 99; done
exec "$@"
"""

PORTS = {"http": 80, "https": 443, "ssh": 22, "ftp": 21, "dns": 53, "iperf": 5201, "redis": 6379, "syslog": 514}
ZONE = "lab.example"


class Services:
    """Files, keys and accounts of one lab, and the servers started on it."""

    def __init__(self, net, base, rng):
        self.net, self.base, self.rng = net, base, rng
        self.logs = os.path.join(base, "log")
        os.makedirs(self.logs)
        self.users = {"alice": secrets.token_hex(8), "bob": secrets.token_hex(8)}
        # A weak one that the guessing tools may find.
        self.users["backup1"] = "letmein1"
        self.accounts()
        self.documents()

    def path(self, *parts):
        return os.path.join(self.base, *parts)

    def write(self, name, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def accounts(self):
        key = self.path("keys", "id")
        os.makedirs(self.path("keys"))
        for kind, name in (("ed25519", key), ("ed25519", self.path("keys", "host"))):
            sh("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "lab", "-f", name)
        with open(key + ".pub") as file:
            public = file.read()
        passwd, shadow, group = (open(f"/etc/{name}").read() for name in ("passwd", "shadow", "group"))
        for number, (user, password) in enumerate(self.users.items(), 7001):
            home = self.path("home", user)
            self.write(f"home/{user}/.ssh/authorized_keys", public)
            for size in (2, 40, 700):
                with open(os.path.join(home, f"file{size}k"), "wb") as file:
                    file.write(os.urandom(size * 1024))
            self.write(f"home/{user}/notes.txt", "".join(f"line {n} of the notes\n" for n in range(200)))
            sh("chown", "-R", f"{number}:{number}", home)
            digest = sh("openssl", "passwd", "-6", password).strip()
            passwd += f"{user}:x:{number}:{number}::{home}:/bin/sh\n"
            shadow += f"{user}:{digest}:19700:0:99999:7:::\n"
            group += f"{user}:x:{number}:\n"
        self.write("etc/passwd", passwd)
        self.write("etc/shadow", shadow, 0o600)
        self.write("etc/group", group)
        self.write("etc/pam", "auth required pam_unix.so\naccount required pam_unix.so\n"
                              "password required pam_deny.so\nsession required pam_permit.so\n")

    def documents(self):
        """A web site: pages, objects of many sizes, a private part."""
        rng = self.rng
        self.pages = []
        for number in range(30):
            size = int(min(400_000, max(300, rng.lognormvariate(9, 1.5))))
            name = f"page{number}.html" if number % 3 == 0 else f"img/object{number}.bin"
            self.write(f"www/{name}", "")
            with open(self.path("www", name), "wb") as file:
                file.write(rng.randbytes(size))
            self.pages.append("/" + name)
        self.write("www/index.html", "<html><body><h1>lab</h1>" + "<p>text</p>" * 60 + "</body></html>\n")
        self.write("www/private/index.html", "<html>private</html>\n")
        with open(self.path("www", "big.bin"), "wb") as file:
            file.write(rng.randbytes(1_000_000))
        digest = sh("openssl", "passwd", "-apr1", self.users["alice"]).strip()
        self.write("etc/htpasswd", f"alice:{digest}\n")
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
           "-subj", f"/CN=www.{ZONE}", "-keyout", self.path("keys", "tls.key"), "-out", self.path("keys", "tls.pem"))

    def start(self, host, *argv, name):
        """A server on a host; its output goes to the log folder."""
        with open(os.path.join(self.logs, f"{host.name}-{name}"), "ab") as log:
            self.net.popen(host.argv("sh", "-c", WRAP, self.path("etc"), *argv), stdout=log, stderr=log, cwd=self.base)

    def serve(self, host, service):
        getattr(self, "serve_" + service)(host)
        host.services |= {"http", "https"} if service == "web" else {service}

    def serve_web(self, host):
        keepalive = self.rng.choice([5, 15, 65])
        config = self.write(f"etc/nginx-{host.name}.conf", f"""
worker_processes 1; daemon off; user root; pid /run/nginx.pid; error_log stderr warn;
events {{ worker_connections 2048; }}
http {{
  types {{ text/html html; }} default_type application/octet-stream; access_log off;
  client_body_temp_path /run/b; proxy_temp_path /run/p; fastcgi_temp_path /run/f; uwsgi_temp_path /run/u; scgi_temp_path /run/s;
  keepalive_timeout {keepalive}; client_max_body_size 64m;
  server {{
    listen 80; listen [::]:80; listen 443 ssl; listen [::]:443 ssl;
    ssl_certificate {self.path('keys/tls.pem')}; ssl_certificate_key {self.path('keys/tls.key')};
    root {self.path('www')};
    location /private/ {{ auth_basic "lab"; auth_basic_user_file {self.path('etc/htpasswd')}; }}
    location /up/ {{ proxy_pass http://127.0.0.1:8099/; }}  # takes a body whole, which a plain "return" does not
    location /api/ {{ default_type application/json; return 200 '{{"ok":true,"at":"$msec"}}'; }}
  }}
  server {{ listen 127.0.0.1:8099; client_max_body_size 64m; location / {{ return 201; }} }}
}}
""")
        self.start(host, "nginx", "-c", config, name="nginx")

    def serve_ssh(self, host):
        config = self.write(f"etc/sshd-{host.name}.conf", f"""
HostKey {self.path('keys/host')}
PidFile none
UsePAM yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
StrictModes no
AuthorizedKeysFile .ssh/authorized_keys
MaxStartups 60
LoginGraceTime 30
PrintMotd no
Subsystem sftp /usr/lib/openssh/sftp-server
""")
        self.start(host, "/usr/sbin/sshd", "-D", "-e", "-f", config, name="sshd")

    def serve_ftp(self, host):
        config = self.write(f"etc/vsftpd-{host.name}.conf", "listen=NO\nlisten_ipv6=YES\nlocal_enable=YES\nwrite_enable=YES\n"
                            "anonymous_enable=NO\nbackground=NO\nseccomp_sandbox=NO\npasv_min_port=40000\npasv_max_port=40999\n"
                            "secure_chroot_dir=/run/vsftpd/empty\npam_service_name=vsftpd\nmax_clients=100\ncheck_shell=NO\n")
        self.start(host, "vsftpd", config, name="vsftpd")

    def serve_dns(self, host):
        names = "".join(f"host-record={h.name}.{ZONE},{h.v4},{h.v6}\n" for h in self.net.hosts)
        names += "".join(f"host-record=n{n}.{ZONE},{host.v4}\n" for n in range(50))
        config = self.write(f"etc/dns-{host.name}.conf", f"no-resolv\nno-hosts\nport=53\nuser=root\npid-file=/run/dnsmasq.pid\n"
                            f"local=/{ZONE}/\nlocal=/example/\naddress=/t.{ZONE}/{host.v4}\nmx-host={ZONE},mail.{ZONE},10\n"
                            f"txt-record={ZONE},\"v=spf1 -all\"\ntxt-record=long.{ZONE},\"{'k' * 200}\"\n"
                            f"cname=www.{ZONE},{host.name}.{ZONE}\n" + names)
        self.start(host, "dnsmasq", "-k", "-C", config, name="dnsmasq")

    def serve_iperf(self, host):
        self.start(host, "iperf3", "-s", name="iperf3")

    def serve_redis(self, host):
        self.start(host, "redis-server", "--bind", "0.0.0.0", "::", "--protected-mode", "no", "--save", "", "--dir", "/run",
                   name="redis")

    def serve_syslog(self, host):
        self.start(host, "socat", "-u", "UDP6-RECV:514,ipv6only=0", "OPEN:/dev/null", name="syslog")

    def wait(self, limit_s=20):
        """Until every server listens."""
        deadline = time.monotonic() + limit_s
        for host in self.net.hosts:
            while True:
                out = subprocess.run(host.argv("ss", "-Hlntu"), capture_output=True, text=True).stdout
                listening = {line.split()[4].rsplit(":", 1)[1] for line in out.splitlines()}
                missing = [s for s in host.services if str(PORTS[s]) not in listening]
                if not missing:
                    break
                if time.monotonic() > deadline:
                    logs = "; ".join(open(os.path.join(self.logs, f)).read()[-300:] for f in sorted(os.listdir(self.logs))
                                     if f.startswith(host.name + "-"))
                    raise LabError(f"{host.name}: {', '.join(missing)} did not start: {logs}")
                time.sleep(0.1)
