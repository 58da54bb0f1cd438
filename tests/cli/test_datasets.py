#!/usr/bin/env python3
"""Data sets whose files are not at hand: small files with the published headers and labels. argv[1]: weir.

Headers are written out here as the files have them, not taken from the descriptions, so that a slip there is seen.
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile

WEIR = pathlib.Path(sys.argv[1]).resolve()
folder = tempfile.TemporaryDirectory()
at = pathlib.Path(folder.name)
rng = random.Random(7)
ROWS = 240


def weir(*args, code=0):
    run = subprocess.run([WEIR, *map(str, args)], cwd=at, capture_output=True, text=True)
    assert run.returncode == code, (args, run.returncode, run.stdout[-2000:], run.stderr[-2000:])
    return run.stdout if code == 0 else run.stderr


CIC_2018 = ('Dst Port,Protocol,Timestamp,Flow Duration,Tot Fwd Pkts,Tot Bwd Pkts,TotLen Fwd Pkts,TotLen Bwd Pkts,Fwd Pkt Len Max,Fwd Pkt Len Min,'
            'Fwd Pkt Len Mean,Fwd Pkt Len Std,Bwd Pkt Len Max,Bwd Pkt Len Min,Bwd Pkt Len Mean,Bwd Pkt Len Std,Flow Byts/s,Flow Pkts/s,Flow IAT Mean,'
            'Flow IAT Std,Flow IAT Max,Flow IAT Min,Fwd IAT Tot,Fwd IAT Mean,Fwd IAT Std,Fwd IAT Max,Fwd IAT Min,Bwd IAT Tot,Bwd IAT Mean,Bwd IAT Std,'
            'Bwd IAT Max,Bwd IAT Min,Fwd PSH Flags,Bwd PSH Flags,Fwd URG Flags,Bwd URG Flags,Fwd Header Len,Bwd Header Len,Fwd Pkts/s,Bwd Pkts/s,'
            'Pkt Len Min,Pkt Len Max,Pkt Len Mean,Pkt Len Std,Pkt Len Var,FIN Flag Cnt,SYN Flag Cnt,RST Flag Cnt,PSH Flag Cnt,ACK Flag Cnt,'
            'URG Flag Cnt,CWE Flag Count,ECE Flag Cnt,Down/Up Ratio,Pkt Size Avg,Fwd Seg Size Avg,Bwd Seg Size Avg,Fwd Byts/b Avg,Fwd Pkts/b Avg,'
            'Fwd Blk Rate Avg,Bwd Byts/b Avg,Bwd Pkts/b Avg,Bwd Blk Rate Avg,Subflow Fwd Pkts,Subflow Fwd Byts,Subflow Bwd Pkts,Subflow Bwd Byts,'
            'Init Fwd Win Byts,Init Bwd Win Byts,Fwd Act Data Pkts,Fwd Seg Size Min,Active Mean,Active Std,Active Max,Active Min,Idle Mean,Idle Std,'
            'Idle Max,Idle Min,Label')
NF_V2 = ('IPV4_SRC_ADDR,L4_SRC_PORT,IPV4_DST_ADDR,L4_DST_PORT,PROTOCOL,L7_PROTO,IN_BYTES,IN_PKTS,OUT_BYTES,OUT_PKTS,TCP_FLAGS,CLIENT_TCP_FLAGS,'
         'SERVER_TCP_FLAGS,FLOW_DURATION_MILLISECONDS,DURATION_IN,DURATION_OUT,MIN_TTL,MAX_TTL,LONGEST_FLOW_PKT,SHORTEST_FLOW_PKT,MIN_IP_PKT_LEN,'
         'MAX_IP_PKT_LEN,SRC_TO_DST_SECOND_BYTES,DST_TO_SRC_SECOND_BYTES,RETRANSMITTED_IN_BYTES,RETRANSMITTED_IN_PKTS,RETRANSMITTED_OUT_BYTES,'
         'RETRANSMITTED_OUT_PKTS,SRC_TO_DST_AVG_THROUGHPUT,DST_TO_SRC_AVG_THROUGHPUT,NUM_PKTS_UP_TO_128_BYTES,NUM_PKTS_128_TO_256_BYTES,'
         'NUM_PKTS_256_TO_512_BYTES,NUM_PKTS_512_TO_1024_BYTES,NUM_PKTS_1024_TO_1514_BYTES,TCP_WIN_MAX_IN,TCP_WIN_MAX_OUT,ICMP_TYPE,ICMP_IPV4_TYPE,'
         'DNS_QUERY_ID,DNS_QUERY_TYPE,DNS_TTL_ANSWER,FTP_COMMAND_RET_CODE,Label,Attack')
TON_IOT = ('ts,src_ip,src_port,dst_ip,dst_port,proto,service,duration,src_bytes,dst_bytes,conn_state,missed_bytes,src_pkts,src_ip_bytes,dst_pkts,'
           'dst_ip_bytes,dns_query,dns_qclass,dns_qtype,dns_rcode,dns_AA,dns_RD,dns_RA,dns_rejected,ssl_version,ssl_cipher,ssl_resumed,ssl_established,'
           'ssl_subject,ssl_issuer,http_trans_depth,http_method,http_uri,http_referrer,http_version,http_request_body_len,http_response_body_len,'
           'http_status_code,http_user_agent,http_orig_mime_types,http_resp_mime_types,weird_name,weird_addl,weird_notice,label,type')
HIKARI = ('Unnamed: 0.1,Unnamed: 0,uid,originh,originp,responh,responp,flow_duration,fwd_pkts_tot,bwd_pkts_tot,fwd_data_pkts_tot,bwd_data_pkts_tot,'
          'fwd_pkts_per_sec,bwd_pkts_per_sec,flow_pkts_per_sec,down_up_ratio,fwd_header_size_tot,fwd_header_size_min,fwd_header_size_max,'
          'bwd_header_size_tot,bwd_header_size_min,bwd_header_size_max,flow_FIN_flag_count,flow_SYN_flag_count,flow_RST_flag_count,'
          'fwd_PSH_flag_count,bwd_PSH_flag_count,flow_ACK_flag_count,fwd_URG_flag_count,bwd_URG_flag_count,flow_CWR_flag_count,flow_ECE_flag_count,'
          'fwd_pkts_payload.min,fwd_pkts_payload.max,fwd_pkts_payload.tot,fwd_pkts_payload.avg,fwd_pkts_payload.std,bwd_pkts_payload.min,'
          'bwd_pkts_payload.max,bwd_pkts_payload.tot,bwd_pkts_payload.avg,bwd_pkts_payload.std,flow_pkts_payload.min,flow_pkts_payload.max,'
          'flow_pkts_payload.tot,flow_pkts_payload.avg,flow_pkts_payload.std,fwd_iat.min,fwd_iat.max,fwd_iat.tot,fwd_iat.avg,fwd_iat.std,bwd_iat.min,'
          'bwd_iat.max,bwd_iat.tot,bwd_iat.avg,bwd_iat.std,flow_iat.min,flow_iat.max,flow_iat.tot,flow_iat.avg,flow_iat.std,payload_bytes_per_second,'
          'fwd_subflow_pkts,bwd_subflow_pkts,fwd_subflow_bytes,bwd_subflow_bytes,fwd_bulk_bytes,bwd_bulk_bytes,fwd_bulk_packets,bwd_bulk_packets,'
          'fwd_bulk_rate,bwd_bulk_rate,active.min,active.max,active.tot,active.avg,active.std,idle.min,idle.max,idle.tot,idle.avg,idle.std,'
          'fwd_init_window_size,bwd_init_window_size,fwd_last_window_size,traffic_category,Label')
BOT_IOT_5 = ('pkSeqID,stime,flgs,flgs_number,proto,proto_number,saddr,sport,daddr,dport,pkts,bytes,state,state_number,ltime,seq,dur,mean,stddev,sum,min,'
             'max,spkts,dpkts,sbytes,dbytes,rate,srate,drate,TnBPSrcIP,TnBPDstIP,TnP_PSrcIP,TnP_PDstIP,TnP_PerProto,TnP_Per_Dport,'
             'AR_P_Proto_P_SrcIP,AR_P_Proto_P_DstIP,N_IN_Conn_P_DstIP,N_IN_Conn_P_SrcIP,AR_P_Proto_P_Sport,AR_P_Proto_P_Dport,'
             'Pkts_P_State_P_Protocol_P_DestIP,Pkts_P_State_P_Protocol_P_SrcIP,attack,category,subcategory ')
BOT_IOT_10 = ('pkSeqID,proto,saddr,sport,daddr,dport,seq,stddev,N_IN_Conn_P_SrcIP,min,state_number,mean,N_IN_Conn_P_DstIP,drate,srate,max,attack,'
              'category,subcategory')
BOT_IOT_FULL = ('pkSeqID,stime,flgs,proto,saddr,sport,daddr,dport,pkts,bytes,state,ltime,seq,dur,mean,stddev,smac,dmac,sum,min,max,soui,doui,sco,dco,'
                'spkts,dpkts,sbytes,dbytes,rate,srate,drate,attack,category,subcategory')
UNSW_FULL = ('srcip,sport,dstip,dsport,proto,state,dur,sbytes,dbytes,sttl,dttl,sloss,dloss,service,Sload,Dload,Spkts,Dpkts,swin,dwin,stcpb,dtcpb,'
             'smeansz,dmeansz,trans_depth,res_bdy_len,Sjit,Djit,Stime,Ltime,Sintpkt,Dintpkt,tcprtt,synack,ackdat,is_sm_ips_ports,ct_state_ttl,'
             'ct_flw_http_mthd,is_ftp_login,ct_ftp_cmd,ct_srv_src,ct_srv_dst,ct_dst_ltm,ct_src_ltm,ct_src_dport_ltm,ct_dst_sport_ltm,ct_dst_src_ltm,'
             'attack_cat,Label')
CTU_13 = 'StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,Label'

ADDRESSES = {'Src IP', 'Dst IP', 'IPV4_SRC_ADDR', 'IPV4_DST_ADDR', 'src_ip', 'dst_ip', 'originh', 'responh', 'saddr', 'daddr', 'SrcAddr', 'DstAddr', 'srcip', 'dstip'}
TEXTS = {  # what columns of texts hold
    'proto': ['tcp', 'udp', 'icmp'], 'Proto': ['tcp', 'udp', 'icmp'], 'service': ['-', 'dns', 'http'], 'conn_state': ['SF', 'S0', 'OTH'],
    'flgs': ['e', 'e s'], 'state': ['CON', 'INT', 'RST'], 'State': ['CON', 'S_RA', 'FSPA_FSPA'], 'Dir': ['   ->', '  <->'],
    'smac': [''], 'dmac': [''], 'soui': [''], 'doui': [''], 'sco': [''], 'dco': [''], 'subcategory': ['x', 'y'],
}
ZEEK_DASH = {'dns_query', 'dns_AA', 'dns_RD', 'dns_RA', 'dns_rejected', 'ssl_version', 'ssl_cipher', 'ssl_resumed', 'ssl_established', 'ssl_subject',
             'ssl_issuer', 'http_trans_depth', 'http_method', 'http_uri', 'http_referrer', 'http_version', 'http_user_agent', 'http_orig_mime_types',
             'http_resp_mime_types', 'weird_name', 'weird_addl', 'weird_notice'}
TIMES = {'Timestamp': lambda i: f'{1 + i % 28:02}/02/2018 {8 + i % 10:02}:{i % 60:02}:01', 'ts': lambda i: 1556300000 + i,
         'stime': lambda i: 1526344031.5 + i, 'ltime': lambda i: 1526344033.5 + i, 'Stime': lambda i: 1421927414 + i, 'Ltime': lambda i: 1421927415 + i, 'StartTime': lambda i: f'2011/08/10 {9 + i % 9:02}:{i % 60:02}:53.047277'}


def cell(column, i, attack):
    name = column.strip()
    if name in ADDRESSES:
        return f'192.168.{attack}.{i % 11}'
    if name in TIMES:
        return TIMES[name](i)
    if name in ('pkSeqID', 'Unnamed: 0', 'Unnamed: 0.1'):
        return i
    if name in ('uid', 'Flow ID'):
        return f'u{i}'
    if name in ZEEK_DASH:
        return '-'
    if name in TEXTS:
        return rng.choice(TEXTS[name])
    if name in ('Flow Byts/s', 'Flow Pkts/s') and i % 40 == 0:
        return rng.choice(['Infinity', 'NaN'])
    if name in ('Init Fwd Win Byts', 'Init Bwd Win Byts') and i % 3 == 0:
        return -1
    if name == 'Dport' and i % 7 == 0:
        return '0x0303'
    return round(rng.gauss(5 * attack, 1) ** 2 * 100, 3)


def write(name, header, labels, label_cells, head=True, separator=','):
    """labels: of the rows in turn. label_cells(label, attack): the cells of the last columns, which the header names too."""
    columns = header.split(',')
    lines = [separator.join(columns)] if head else []
    for i in range(ROWS):
        label, attack = labels[i % len(labels)]
        last = label_cells(label, attack)
        cells = [str(cell(c, i, attack)) for c in columns[:len(columns) - len(last)]] + last
        lines.append(separator.join(cells))
    (at / name).write_text('\n'.join(lines) + '\n')


def names(header):
    return [column.strip() for column in header.split(',')]


def check_one(file, known, header, learned_not, classes, multi, unlabelled=0, label_rows=None):
    """Recognition, types, labels, what is left out, training on two classes and on all."""
    report = json.loads(weir('data', 'check', file, '--json'))
    assert report['data_set'] == known, (file, report['data_set'])
    assert [c['name'] for c in report['columns']] == names(header), (file, [c['name'] for c in report['columns']])
    strange = [c['name'] for c in report['columns'] if c['strange']] if 'strange' in report['columns'][0] else []
    assert not strange, (file, strange)
    assert report['rows'] == ROWS - unlabelled or report['rows'] == ROWS, (file, report['rows'])
    assert {c['label'] for c in report['classes']} == set(classes), (file, report['classes'])
    assert report['unlabelled'] == unlabelled, (file, report['unlabelled'])
    if label_rows:
        assert {c['label']: c['rows'] for c in report['classes']} == label_rows, (file, report['classes'])
    assert {c['name'] for c in report['columns'] if c['identifier']} == set(learned_not), (file, [c['name'] for c in report['columns'] if c['identifier']])
    for more in ((), ('--multiclass',)):
        trained = json.loads(weir('train', '--data', file, *more, '--algorithm', 'decision-tree', '-o', 'm.weir', '--json', '--quiet'))
        assert trained['accuracy'] > (0.4 if more else 0.9), (file, more, trained['accuracy'])
        assert not set(trained['columns']) & set(learned_not), (file, trained['columns'])
        assert set(trained['classes']) == (set(multi) if more else {'benign', 'attack'}), (file, more, trained['classes'])
        if not more and len(trained['columns']) < len(names(header)) - len(learned_not) - 30:
            raise AssertionError((file, trained['columns']))
    card = json.loads(weir('model', 'show', 'm.weir', '--json'))['card']
    assert card['defaults']['description'] == known, card['defaults']
    # The model reads the file again by itself.
    assert json.loads(weir('evaluate', 'm.weir', '--data', file, '--json', '--quiet'))['rows'] == ROWS - unlabelled


# ---- CSE-CIC-IDS2018: with the header between rows, -1 and Infinity ---------------------------------------------------------------

KINDS = [('Benign', 0), ('FTP-BruteForce', 1), ('Benign', 0), ('DoS attacks-Hulk', 1)]
write('02-14-2018.csv', CIC_2018, KINDS, lambda label, attack: [label])
text = (at / '02-14-2018.csv').read_text().splitlines(keepends=True)
plain = ''.join(text)
(at / '02-14-2018.csv').write_text(''.join(text[:100]) + CIC_2018 + '\n' + ''.join(text[101:]))  # in the place of a row
check_one('02-14-2018.csv', 'cse-cic-ids2018', CIC_2018, ['Timestamp'], ['Benign', 'FTP-BruteForce', 'DoS attacks-Hulk'],
          ['Benign', 'FTP-BruteForce', 'DoS attacks-Hulk'], unlabelled=1)
(at / '02-14-2018.csv').write_text(plain)
report = json.loads(weir('data', 'check', '02-14-2018.csv', '--json'))
missing = {c['name']: c['missing'] + c['infinite'] for c in report['columns']}
assert missing['Init Fwd Win Byts'] == ROWS // 3 and missing['Flow Byts/s'] == 6 and missing['Tot Fwd Pkts'] == 0, missing
with_hosts = CIC_2018.replace('Dst Port,', 'Flow ID,Src IP,Src Port,Dst IP,Dst Port,', 1)  # as one of the ten files has them
write('02-20-2018.csv', with_hosts, KINDS, lambda label, attack: [label])
check_one('02-20-2018.csv', 'cse-cic-ids2018', with_hosts, ['Flow ID', 'Src IP', 'Src Port', 'Dst IP', 'Timestamp'],
          ['Benign', 'FTP-BruteForce', 'DoS attacks-Hulk'], ['Benign', 'FTP-BruteForce', 'DoS attacks-Hulk'])
weir('train', '--data', '02-20-2018.csv', '--split', 'time:Timestamp', '--algorithm', 'gaussian-nb', '-o', 'm.weir', '--quiet')

# ---- NF-*-v2: one header, the classes tell which ----------------------------------------------------------------------------------

NF_OUT = ['IPV4_SRC_ADDR', 'L4_SRC_PORT', 'IPV4_DST_ADDR', 'MIN_TTL', 'MAX_TTL', 'DNS_QUERY_ID']
for known, kinds in (('nf-unsw-nb15-v2', ['Exploits', 'Reconnaissance']), ('nf-ton-iot-v2', ['scanning', 'xss']),
                     ('nf-cse-cic-ids2018-v2', ['SSH-Bruteforce', 'Infilteration'])):
    write(known + '.csv', NF_V2, [('Benign', 0), (kinds[0], 1), ('Benign', 0), (kinds[1], 1)], lambda label, attack: [str(attack), label])
    check_one(known + '.csv', known, NF_V2, NF_OUT, ['Benign', *kinds], ['Benign', *kinds])

# ---- ToN-IoT: all columns, and the file of training and test rows, which has no time ----------------------------------------------

TON_OUT = ['ts', 'src_ip', 'src_port', 'dst_ip', 'dns_query', 'ssl_subject', 'ssl_issuer', 'http_uri', 'http_referrer', 'http_user_agent', 'weird_addl']
TON_KINDS = [('normal', 0), ('backdoor', 1), ('normal', 0), ('mitm', 1)]
write('Network_dataset_1.csv', TON_IOT, TON_KINDS, lambda label, attack: [str(attack), label])
check_one('Network_dataset_1.csv', 'ton-iot', TON_IOT, TON_OUT, ['normal', 'backdoor', 'mitm'], ['normal', 'backdoor', 'mitm'])
short = TON_IOT.replace('ts,', '', 1).replace('http_referrer,', '', 1)
write('train_test_network.csv', short, TON_KINDS, lambda label, attack: [str(attack), label])
check_one('train_test_network.csv', 'ton-iot', short, [c for c in TON_OUT if c not in ('ts', 'http_referrer')], ['normal', 'backdoor', 'mitm'],
          ['normal', 'backdoor', 'mitm'])

# ---- HIKARI-2021: background counts as benign -------------------------------------------------------------------------------------

write('ALLFLOWMETER_HIKARI2021.csv', HIKARI, [('Benign', 0), ('Probing', 1), ('Background', 0), ('Bruteforce-XML', 1)],
      lambda label, attack: [label, str(attack)])
check_one('ALLFLOWMETER_HIKARI2021.csv', 'hikari-2021', HIKARI, ['Unnamed: 0.1', 'Unnamed: 0', 'uid', 'originh', 'originp', 'responh'],
          ['Benign', 'Probing', 'Bruteforce-XML'], ['Benign', 'Probing', 'Bruteforce-XML'], label_rows={'Benign': 120, 'Probing': 60, 'Bruteforce-XML': 60})

# ---- Bot-IoT: 5 % of the rows, the ten best columns, and the whole files, which have no header ------------------------------------

BOT_KINDS = [('Normal', 0), ('DDoS', 1), ('Normal', 0), ('Theft', 1)]
BOT_OUT = ['pkSeqID', 'stime', 'ltime', 'saddr', 'sport', 'daddr', 'seq']
for name, header, separator in (('UNSW_2018_IoT_Botnet_Full5pc_1.csv', BOT_IOT_5, ','),
                                ('UNSW_2018_IoT_Botnet_Final_10_best_Training.csv', BOT_IOT_10, ';')):
    write(name, header, BOT_KINDS, lambda label, attack: [str(attack), label, 'x'], separator=separator)
    check_one(name, 'bot-iot', header, [c for c in BOT_OUT if c in names(header)], ['Normal', 'DDoS', 'Theft'], ['Normal', 'DDoS', 'Theft'])
write('UNSW_2018_IoT_Botnet_Dataset_1.csv', BOT_IOT_FULL, BOT_KINDS, lambda label, attack: [str(attack), label, 'x'], head=False)
check_one('UNSW_2018_IoT_Botnet_Dataset_1.csv', 'bot-iot-full', BOT_IOT_FULL, [*BOT_OUT, 'smac', 'dmac', 'soui', 'doui', 'sco', 'dco'], ['Normal', 'DDoS', 'Theft'],
          ['Normal', 'DDoS', 'Theft'])

# ---- UNSW-NB15, the four files without a header: normal rows have no kind, kinds have blanks and two spellings --------------------

write('UNSW-NB15_1.csv', UNSW_FULL, [('', 0), (' Fuzzers ', 1), ('', 0), ('Backdoors', 1), ('', 0), ('Backdoor', 1)], lambda label, attack: [label, str(attack)],
      head=False)
check_one('UNSW-NB15_1.csv', 'unsw-nb15-full', UNSW_FULL, ['srcip', 'sport', 'dstip', 'Stime', 'Ltime', 'sttl', 'dttl', 'ct_state_ttl', 'stcpb', 'dtcpb'],
          ['Normal', 'Fuzzers', 'Backdoor'], ['Normal', 'Fuzzers', 'Backdoor'], label_rows={'Normal': 120, 'Fuzzers': 40, 'Backdoor': 80})

# ---- CTU-13: labels say at length who spoke; what strangers sent to either side, and the background, is nobody's ------------------

write('capture20110810.binetflow', CTU_13, [('flow=From-Normal-V42-Grill', 0), ('flow=From-Botnet-V42-TCP-Attempt', 1),
                                            ('flow=From-Normal-V42-UDP-DNS', 0), ('flow=From-Botnet-V42-UDP-DNS', 1),
                                            ('flow=Background-UDP-Established', 0), ('flow=To-Botnet-V42-TCP-Attempt', 1),
                                            ('flow=To-Normal-V42-UDP-NTP-server', 0), ('flow=To-Background-UDP-CVUT-DNS-Server', 1)],
      lambda label, attack: [label])
check_one('capture20110810.binetflow', 'ctu-13', CTU_13, ['StartTime', 'SrcAddr', 'Sport', 'DstAddr'], ['Normal', 'Botnet'], ['Normal', 'Botnet'],
          unlabelled=ROWS // 2, label_rows={'Normal': 60, 'Botnet': 60})

# ---- All of them in common columns: one model of all, and one tested on a set that it has not seen --------------------------------

FILES = {'cse-cic-ids2018': '02-20-2018.csv', 'nf-unsw-nb15-v2': 'nf-unsw-nb15-v2.csv', 'nf-ton-iot-v2': 'nf-ton-iot-v2.csv',
         'nf-cse-cic-ids2018-v2': 'nf-cse-cic-ids2018-v2.csv', 'ton-iot': 'Network_dataset_1.csv', 'hikari-2021': 'ALLFLOWMETER_HIKARI2021.csv',
         'bot-iot': 'UNSW_2018_IoT_Botnet_Full5pc_1.csv', 'bot-iot-full': 'UNSW_2018_IoT_Botnet_Dataset_1.csv', 'unsw-nb15-full': 'UNSW-NB15_1.csv',
         'ctu-13': 'capture20110810.binetflow'}
every = [word for file in FILES.values() for word in ('--data', file)]
merged = json.loads(weir('data', 'check', '--common', *FILES.values(), '--json'))
assert merged['data_set'] == 'common' and merged['rows'] + merged['unlabelled'] >= ROWS * len(FILES) - ROWS // 2, merged['rows']
filled = {c['name']: merged['rows'] - c['missing'] for c in merged['columns']}
assert all(filled[c] > 0 for c in ('dur', 'proto', 'service', 'sport', 'dport', 'spkts', 'dpkts', 'sbytes', 'dbytes', 'smean', 'dmean', 'sinpkt', 'dinpkt')), filled
both = json.loads(weir('train', '--common', *every, '--algorithm', 'random-forest', '-o', 'm.weir', '--json', '--quiet'))
assert both['accuracy'] > 0.85, both['accuracy']
assert json.loads(weir('evaluate', 'm.weir', '--data', FILES['ctu-13'], '--json', '--quiet'))['rows'] == ROWS // 2
away = json.loads(weir('train', '--common', *every, '--split', 'group:dataset', '--algorithm', 'decision-tree', '-o', 'm.weir', '--json', '--quiet'))
assert away['train_rows'] % ROWS in (0, ROWS // 2), away['train_rows']
survey = json.loads(weir('survey', '--common', *every, '--algorithms', 'gaussian-nb,decision-tree', '--out', 'out', '--json', '--quiet'))
assert [t['status'] for t in survey['tasks']] == ['done', 'done'], survey['tasks']
