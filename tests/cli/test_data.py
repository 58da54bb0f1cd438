#!/usr/bin/env python3
"""weir data, and --dataset, --common, --split, --sample of train, as users run them. argv[1]: weir."""
import json
import pathlib
import subprocess
import sys
import tempfile

WEIR = pathlib.Path(sys.argv[1]).resolve()
folder = tempfile.TemporaryDirectory()
at = pathlib.Path(folder.name)


def weir(*args, code=0):
    run = subprocess.run([WEIR, *map(str, args)], cwd=at, capture_output=True, text=True)
    assert run.returncode == code, (args, run.returncode, run.stdout, run.stderr)
    return run.stdout if code == 0 else run.stderr


def write(name, text):
    (at / name).write_text(text)


# ---- check: the whole text -----------------------------------------------------------------------------------------------------

COLUMNS = 'ts,uid,id.orig_h,id.resp_h,duration,conn_state,history,more,label,detailed-label'
write('small.csv', COLUMNS + '\n' + ''.join(
    f'{1000 + i},u{i},10.0.0.{i % 3},10.0.1.1,{["-", "inf", i % 5, i % 4][i % 4]},{"S0" if i % 4 else "SF"},D,x,'
    f'{"Malicious" if i % 4 else ["benign", "Benign"][i % 8 > 3]},{"DDoS" if i % 4 else "-"}\n' for i in range(120)) +
      '1119,u119,10.0.0.2,10.0.1.1,3,S0,D,x,Malicious,DDoS\n1119,u119,10.0.0.2,10.0.1.1,3,S0,D,x,,\n')
expected = '''\
data set    iot-23 (IoT-23, connection logs)
from        small.csv
rows        122
columns     10; the description has these too: id.orig_p, id.resp_p, proto, service, orig_bytes, resp_bytes, local_orig, local_resp, missed_bytes, orig_pkts, orig_ip_bytes, resp_pkts, resp_ip_bytes, tunnel_parents
label       detailed-label, benign: Benign
  Benign                                       31   25.41 %
  DDoS                                         91   74.59 %
duplicates  1 rows are equal to an earlier one
            114 in the columns that are learned from and the label
            38 have the same columns as a row of another label

column          type       missing   infinite   different  notes
ts              number           0          0         120  identifier; nearly every row differs
uid             text             0          0         120  identifier; nearly every row differs
id.orig_h       text             0          0           3  identifier
id.resp_h       text             0          0           1  identifier; constant
duration        number          30         30           6
conn_state      text             0          0           2
history         text             0          0           1  constant
more            text             0          0           1  constant; not in the description
label           text             1          0           2  label
detailed-label  text             0          0           2  label

look at these before learning from them: history, more
'''
found = weir('data', 'check', 'small.csv')
if found != expected:
    sys.exit('the table differs:\n' + found)

report = json.loads(weir('data', 'check', 'small.csv', '--label', 'label', '--json'))
assert report['unlabelled'] == 1 and report['classes'] == [{'label': 'Benign', 'rows': 30}, {'label': 'Malicious', 'rows': 91}], report
assert report['columns'][5]['tells'] == 1 and report['columns'][5]['leak'] and not report['columns'][6]['leak'], report
assert json.loads(weir('data', 'check', 'small.csv', '--dataset', 'none', '--label', 'label', '--json'))['data_set'] is None

# ---- list, show -------------------------------------------------------------------------------------------------------------------

names = [line.split()[0] for line in weir('data', 'list').splitlines()]
assert len(names) == 17 and 'nsl-kdd' in names, names
assert [known['name'] for known in json.loads(weir('data', 'list', '--json'))] == names
for name in names:
    assert weir('data', 'show', name).startswith(name + ': ')
    write('copy.yaml', weir('data', 'show', name, '--yaml'))
    assert weir('data', 'show', 'copy.yaml') == weir('data', 'show', name)
    assert weir('data', 'show', './copy.yaml', '--json') == weir('data', 'show', name, '--json')
for args, words in ((('data',), 'usage'), (('data', 'find'), "no 'weir data find'"), (('data', 'check'), 'name the files'),
                    (('data', 'show'), 'name one data set'), (('data', 'show', 'none'), 'name a data set'),
                    (('data', 'list', 'x'), 'too many'), (('data', 'check', 'x', '--rows'), '--rows')):
    assert words in weir(*args, code=2), args
for args, words in ((('data', 'check', 'no.csv'), 'no.csv'), (('data', 'show', 'kdd'), "'kdd' is no data set"),
                    (('data', 'check', 'small.csv', '--dataset', 'no.yaml'), 'no.yaml'),
                    (('data', 'check', 'small.csv', '--label', 'kind'), "no label column 'kind'"),
                    (('data', 'check', 'small.csv', '--common', '--dataset', 'copy.yaml', '--label', 'x'), 'x')):
    assert words in weir(*args, code=1), args
write('bad.yaml', 'name: bad\nlabel: {column: l}\ncolums: {}\n')
assert "bad.yaml:3: 'colums' is no key" in weir('data', 'check', 'small.csv', '--dataset', 'bad.yaml', code=1)

# ---- train ------------------------------------------------------------------------------------------------------------------------

# Two data sets whose attacks are long flows; hosts and times as a split wants them.
write('cic.csv', 'Flow ID,Source IP,Timestamp, Destination Port, Flow Duration, Total Fwd Packets, Total Backward Packets, Label\n' +
      ''.join(f'f{i},10.0.0.{i % 7},{1 + i // 40:02}/07/2017 {8 + i % 10}:{i % 60:02},{i % 99},{(5000 if i % 3 else 10) + i % 9}e3,{i % 5},'
              f'{i % 4},{["BENIGN", "Bot", "DDoS"][i % 3]}\n' for i in range(400)))
write('unsw.csv', 'id,dur,proto,service,spkts,dpkts,sttl,dttl,ct_srv_src,ct_state_ttl,attack_cat,label\n' +
      ''.join(f'{i},{(5 if i % 2 else 0.01) + i % 9 / 1000},tcp,-,{i % 5},{i % 4},1,1,{i % 4},1,{["Normal", "DoS"][i % 2]},{i % 2}\n' for i in range(300)))
fit = ('--algorithm', 'decision-tree', '-o', 'm.weir', '--json', '--quiet')


def train(*args):
    return json.loads(weir('train', *args, *fit))


assert train('--data', 'cic.csv')['train_rows'] == 319
assert train('--data', 'cic.csv', '--sample', 0.5)['train_rows'] == 162
by_time = train('--data', 'cic.csv', '--split', 'time:Timestamp')
assert by_time['train_rows'] == 320, by_time
by_host = train('--data', 'cic.csv', '--split', 'group:Source IP')
assert by_host['train_rows'] == 400 - 57, by_host
left = train('--data', 'cic.csv', '--split', 'leave-attack:Bot')
assert left['train_rows'] == 400 - 133 - 27, left
assert left['accuracy'] == 1, left
assert json.loads(weir('model', 'show', 'm.weir', '--json'))['card']['training']['split'] == 'leave-attack:Bot'
common = train('--common', '--data', 'cic.csv', '--data', 'unsw.csv', '--split', 'group:dataset')
assert common['train_rows'] in (300, 400), common
assert common['accuracy'] > 0.95, common
card = json.loads(weir('model', 'show', 'm.weir', '--json'))
assert 'dur' in json.dumps(card) and 'dataset' not in [c if isinstance(c, str) else c.get('name') for c in card.get('columns', [])], card
# The model asks for the common columns by itself.
assert json.loads(weir('evaluate', 'm.weir', '--data', 'unsw.csv', '--json', '--quiet'))['accuracy'] > 0.95
weir('predict', 'm.weir', '--data', 'cic.csv', '-o', 'p.csv', '--quiet')
assert (at / 'p.csv').read_text().splitlines()[1].startswith('cicids2017-original,'), (at / 'p.csv').read_text()[:300]
for args, words in ((('--split', 'leave-attack'), 'leave-attack:Botnet'), (('--split', 'time'), 'no way to split'),
                    (('--sample', '0'), '--sample'), (('--test', 'unsw.csv', '--split', 'time:Timestamp'), 'exclude each other')):
    assert words in weir('train', '--data', 'cic.csv', *args, '-o', 'm.weir', code=2), args
for args, words in ((('--split', 'time:when'), "no column to split by 'when'"), (('--split', 'leave-attack:Worm'), "labelled 'Worm'"),
                    (('--split', 'group:Total Fwd Packets_x'), 'split by'), (('--common', '--dataset', 'bad.yaml'), 'bad.yaml:3')):
    assert words in weir('train', '--data', 'cic.csv', *args, '-o', 'm.weir', '--quiet', code=1), args

# A file without a header, of a description of one's own.
write('own.yaml', 'name: own\nlabel: {column: kind, benign: ok}\nheader: false\nmissing: {win: [-1]}\n'
                  'identifiers: [host]\ncolumns: {host: address, ms: number, win: number, kind: text}\n')
write('own.txt', ''.join(f'1.1.1.{i % 9},{i % 2 * 50 + i % 3},{-1 if i % 5 else 3},{["ok", "bad"][i % 2]}\n' for i in range(100)))
assert train('--data', 'own.txt', '--dataset', 'own.yaml', '--sample', 0.9)['accuracy'] == 1
card = json.loads(weir('model', 'show', 'm.weir', '--json'))['card']
how = {key: card['training'][key] for key in ('split', 'test_share', 'folds', 'sample')}
assert how == {'split': 'drawn', 'test_share': 0.2, 'folds': None, 'sample': 0.9}, how
assert card['defaults']['description'] == 'own' and len(card['defaults']['description_hash']) == 16, card['defaults']
shown = weir('model', 'show', 'm.weir')
assert 'sample 0.9\n' in shown and 'description own\n' in shown, shown
write('other.csv', 'host,ms,win,kind\n' + (at / 'own.txt').read_text())
warned = subprocess.run([WEIR, 'evaluate', 'm.weir', '--data', 'other.csv'], cwd=at, capture_output=True, text=True, check=True).stderr
assert "with the description 'own'" in warned and '--dataset FILE.yaml' in warned, warned
assert 'name the label column' in weir('train', '--data', 'own.txt', '-o', 'm.weir', code=1)
assert json.loads(weir('evaluate', 'm.weir', '--data', 'own.txt', '--dataset', 'own.yaml', '--json', '--quiet'))['accuracy'] == 1
assert json.loads(weir('data', 'check', 'own.txt', '--dataset', 'own.yaml', '--json'))['columns'][2]['missing'] == 80
